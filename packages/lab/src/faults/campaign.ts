/** A series of faults from a seed: one after the other, each healed and everything whole before the next one comes. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab.ts'
import { ApiError, DeadlineError } from '../errors.ts'
import { until } from '../wait.ts'
import type { FaultRequest } from './desk.ts'
import { CRASH_POINTS } from './fault.ts'
import { faults } from './index.ts'

/** How one system is broken and known to be whole again. */
export interface Breaker {
  /** Resolves once the fault is over or its end is on its way, with what became of it in a few words. */
  once(kind: string, random: () => number): Promise<string>
  /** Resolves once everything is whole, or it is time to stop. Rejects with DeadlineError when it stays broken. */
  whole(signal: AbortSignal): Promise<void>
}

export interface CampaignOptions {
  readonly kinds: readonly string[]
  readonly count: number
  readonly random: () => number
  readonly signal: AbortSignal
  /** Told after each, with how many there were. */
  readonly onFault: (done: number, what: string) => void
}

/** From everything being whole to the next fault: long enough for the users to notice, and of no fixed phase. */
const CALM_MIN_MS = 700
const CALM_SPAN_MS = 1_000
const PAUSE_MIN_MS = 300
const PAUSE_SPAN_MS = 2_000
/** How long a crash may wait for the request that it is to land in. */
const LANDING_WAIT_MS = 5_000
const WHOLE_DEADLINE_MS = 30_000

/** Resolves when the last fault is healed, or it is time to stop. Rejects with DeadlineError when something stays broken. */
export async function campaign(breaker: Breaker, options: CampaignOptions): Promise<void> {
  const { kinds, count, random, signal, onFault } = options
  for (let done = 0; done < count && !signal.aborted;) {
    await sleep(CALM_MIN_MS + random() * CALM_SPAN_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    const what = await breaker.once(kinds[done % kinds.length] ?? 'kill', random)
    await breaker.whole(signal)
    if (!signal.aborted) onFault(++done, what)
  }
}

/** Of a cluster of the lab's own. */
export function labBreaker(lab: Lab): Breaker {
  return {
    once: (kind, random) => once(lab, draw(kind, random)),
    whole: (signal) => whole(lab, signal),
  }
}

function draw(kind: string, random: () => number): FaultRequest {
  const request: FaultRequest = { kind, target: 'random' }
  if (kind === 'pause') return { ...request, durationMs: Math.round(PAUSE_MIN_MS + random() * PAUSE_SPAN_MS) }
  if (kind !== 'crash') return request
  const point = CRASH_POINTS[Math.floor(random() * CRASH_POINTS.length)]
  return { ...request, request: 'random', ...(point === undefined ? {} : { point }) }
}

/** Injects it, and sees to its end. What became of it is in the trace; this says it in a few words. */
async function once({ desk, trace }: Lab, request: FaultRequest): Promise<string> {
  try {
    const { id, kind, target, point } = await desk.inject(request)
    const what = `${kind}${point === undefined ? '' : ` ${point}`} of ${target}`
    if (faults.get(kind)?.landsWith === undefined) return what
    const isWaiting = (): boolean =>
      trace.state.faults.some((fault) => fault.id === id && fault.confirmedAtMs === undefined)
    const landed = await until(() => !isWaiting(), { deadlineMs: LANDING_WAIT_MS, what }).then(
      () => true,
      () => false,
    )
    if (!landed) await desk.heal(id)
    return landed ? what : `${what} (it did not land)`
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return `${request.kind} (${error.message})`
  }
}

/** Every node is up and gets its share again. */
async function whole({ trace }: Lab, signal: AbortSignal): Promise<void> {
  const isWhole = (): boolean =>
    trace.state.faults.length === 0 && trace.state.nodes.every(({ state, ejected }) => state === 'up' && !ejected)
  try {
    await until(() => isWhole() || signal.aborted, { deadlineMs: WHOLE_DEADLINE_MS, what: 'every node to be back' })
  } catch (error) {
    if (!(error instanceof DeadlineError) || !signal.aborted) throw error
  }
}
