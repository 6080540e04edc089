/** A series of faults from a seed: one after the other, each healed and everything whole before the next one comes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { allServe, isWhole } from '@ninelives/history'
import { STORE } from '../cluster/store-server.ts'
import type { Lab } from '../lab.ts'
import { ApiError, DeadlineError, EXIT_FAILED, LabError } from '../errors.ts'
import { succeeds, until } from '../wait.ts'
import type { FaultRequest } from './desk.ts'
import { CRASH_POINTS } from './fault.ts'
import { faults, findFault } from './index.ts'
import { RANDOM_TARGET } from './targets.ts'

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

/** A rolling restart: each node in turn drains, leaves and comes back, and the next one only then. No fault but a series of them. */
const ROLLING = 'rolling'

export const campaignKinds: readonly string[] = [...faults.keys(), ROLLING]

export interface Planned {
  readonly kind: string
  readonly target: string
}

/** A kind, or a kind and whom it falls on: `kill@store`. Undefined for what can't be. */
export function parsePlanned(planned: string): Planned | undefined {
  const [, kind = '', target] = /^([a-z]+)(?:@(.+))?$/.exec(planned) ?? []
  if (!campaignKinds.includes(kind) || (kind === ROLLING && target !== undefined)) return undefined
  const own = faults.get(kind)?.on.includes('store') === true && !faults.get(kind)?.on.includes('node')
  return { kind, target: target ?? (own ? STORE : RANDOM_TARGET) }
}

/** Whether it needs proxies on the edges. */
export function needsEdges(planned: string): boolean {
  const { on = [] } = faults.get(parsePlanned(planned)?.kind ?? '') ?? {}
  return on.includes('edge') || on.includes('partition')
}

/** Of a cluster of the lab's own. */
export function labBreaker(lab: Lab): Breaker {
  return {
    once: (planned, random) => (planned === ROLLING ? roll(lab) : once(lab, draw(planned, random))),
    whole: (signal) => whole(lab, signal),
  }
}

function draw(planned: string, random: () => number): FaultRequest {
  const request = parsePlanned(planned) ?? { kind: planned, target: RANDOM_TARGET }
  const fault = findFault(request.kind)
  const point = CRASH_POINTS[Math.floor(random() * CRASH_POINTS.length)]
  if (request.kind === 'crash') return { ...request, request: 'random', ...(point === undefined ? {} : { point }) }
  if (fault.comesBack || fault.isMomentary) return request
  const durationMs = Math.round(PAUSE_MIN_MS + random() * PAUSE_SPAN_MS)
  return { ...request, ...fault.drawn?.(random), durationMs }
}

async function roll({ cluster, desk, trace }: Lab): Promise<string> {
  for (const { name } of cluster.nodes) {
    const { id } = await desk.inject({ kind: 'drain', target: name })
    await desk.heal(id)
    await until(() => allServe(trace.state), { deadlineMs: WHOLE_DEADLINE_MS, what: `node ${name} to take part again` })
  }
  return 'rolling restart of all'
}

/** Injects it, and sees to its end. What became of it is in the trace; this says it in a few words. */
async function once({ desk }: Lab, request: FaultRequest): Promise<string> {
  try {
    const { id, kind, target, point } = await desk.injectPlanned(request)
    const what = `${kind}${point === undefined ? '' : ` ${point}`} of ${target}`
    if (faults.get(kind)?.landsWith === undefined) return what
    const isWaiting = (): boolean => desk.landed(id) === undefined
    await succeeds(until(() => !isWaiting(), { deadlineMs: LANDING_WAIT_MS, what }))
    if (isWaiting()) await desk.heal(id)
    return desk.landed(id) === true ? what : `${what} (it did not land)`
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return `${request.kind} of ${request.target} (${error.message})`
  }
}

/** Every node is up and gets its share again. What could not be healed is tried once more. */
async function whole(lab: Lab, signal: AbortSignal): Promise<void> {
  const { desk, trace } = lab
  const isMended = (): boolean => isWhole(trace.state) && desk.unhealed()?.length === 0
  const wait = { deadlineMs: WHOLE_DEADLINE_MS, what: 'every node to be back' }
  try {
    await until(() => signal.aborted || isMended() || isStuck(lab), wait)
    if (!signal.aborted) await healAgain(lab)
    await until(() => signal.aborted || isMended(), wait)
  } catch (error) {
    if (!(error instanceof DeadlineError) || !signal.aborted) throw error
  }
}

function isStuck({ desk }: Lab): boolean {
  return (desk.unhealed()?.length ?? 0) > 0
}

async function healAgain({ desk }: Lab): Promise<void> {
  for (const { id, what } of desk.unhealed() ?? []) {
    try {
      await desk.heal(id)
    } catch (error) {
      const reason = (error as Error).message
      throw new LabError('NOT_HEALED', EXIT_FAILED, `${what} could not be healed: ${reason}`, error)
    }
  }
}
