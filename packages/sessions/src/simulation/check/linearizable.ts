/**
 * Whether one order of the operations on a key explains all that their clients saw, where each takes effect at one instant
 * between its start and its end: linearizability, by the search of Wing and Gong with Lowe's memoization. An operation with an
 * unknown outcome may take effect at any later time, or never.
 *
 * An operation that changes nothing can be placed as soon as it fits, so the search branches over changes only; and since a
 * write fits one version alone, it hardly ever branches.
 */
import type { Operated, Seen } from './history.ts'

/** Version 0 is absence; then the fence counts. */
interface State {
  readonly version: number
  readonly body: string
  readonly fenceUntilMs: number
}

export interface LinearOptions {
  /** How far wall clocks may be off: they decide when fences end. */
  readonly skewMs: number
  /** Wall clock at time 0. */
  readonly epochMs: number
}

export type Verdict = 'valid' | 'invalid' | 'unknown'

const STEPS_MAX = 200_000
const nothing: State = { version: 0, body: '', fenceUntilMs: 0 }

export function linearizable(history: readonly Operated[], options: LinearOptions): Verdict {
  const operations = history.toSorted((left, right) => left.startMs - right.startMs)
  const isPlaced = operations.map(() => false)
  const tried = new Set<string>()
  let steps = 0

  /** The operations that may come next: no unplaced operation ended before they started. */
  const candidates = (): number[] => {
    let endMs = Infinity
    const found: number[] = []
    for (let index = 0; index < operations.length; index++) {
      const operation = operations[index] as Operated
      if (isPlaced[index] === true) continue
      if (operation.startMs > endMs) break
      endMs = Math.min(endMs, operation.endMs)
      found.push(index)
    }
    return found.filter((index) => (operations[index] as Operated).startMs <= endMs)
  }

  const search = (state: State): boolean => {
    if (++steps > STEPS_MAX) return true
    const placed: number[] = []
    const undo = (): false => {
      for (const index of placed) isPlaced[index] = false
      return false
    }
    let next = candidates()
    for (let looking = true; looking;) {
      looking = false
      for (const index of next) {
        const operation = operations[index] as Operated
        if (isPlaced[index] === true || !isChangeless(operation.seen) || !fits(state, operation, options)) continue
        isPlaced[index] = true
        placed.push(index)
        looking = true
      }
      if (looking) next = candidates()
    }
    if (next.every((index) => (operations[index] as Operated).endMs === Infinity)) return true
    const key = `${isPlaced.map(Number).join('')}/${state.version}/${state.body}/${state.fenceUntilMs}`
    if (tried.has(key)) return undo()
    tried.add(key)
    for (const index of next) {
      const operation = operations[index] as Operated
      if (isChangeless(operation.seen) || !fits(state, operation, options)) continue
      isPlaced[index] = true
      if (search(after(state, operation.seen))) return true
      isPlaced[index] = false
    }
    return undo()
  }

  const isExplained = search(nothing)
  return steps > STEPS_MAX ? 'unknown' : isExplained ? 'valid' : 'invalid'
}

function isChangeless(seen: Seen): boolean {
  if (seen.verb === 'write') return seen.result !== undefined && seen.result.status !== 'written'
  return seen.verb !== 'destroy'
}

function fits(state: State, operation: Operated, { skewMs, epochMs }: LinearOptions): boolean {
  const { seen, startMs, endMs } = operation
  const isThere = state.version > 0
  const mayBeFenced = !isThere && epochMs + startMs - skewMs < state.fenceUntilMs
  const mayBeFree = !isThere && epochMs + endMs + skewMs >= state.fenceUntilMs
  switch (seen.verb) {
    case 'read':
      return (seen.record?.version ?? 0) === state.version && (seen.record?.body ?? '') === state.body
    case 'touch':
      return seen.isThere === isThere
    case 'destroy':
      return true
    case 'write': {
      const { expectedVersion, result } = seen
      if (result?.status === 'gone') return !isThere && (expectedVersion !== 0 || mayBeFenced)
      if (result?.status === 'conflict') {
        const { version, body } = result.current
        return version === state.version && body === state.body && version !== expectedVersion
      }
      if (result?.status === 'written' && result.version !== expectedVersion + 1) return false
      return expectedVersion === state.version && (isThere || mayBeFree)
    }
  }
}

function after(state: State, seen: Seen): State {
  if (seen.verb === 'write') return { version: seen.expectedVersion + 1, body: seen.body, fenceUntilMs: 0 }
  if (seen.verb !== 'destroy') return state
  return { ...nothing, fenceUntilMs: Math.max(state.fenceUntilMs, seen.fenceUntilMs) }
}
