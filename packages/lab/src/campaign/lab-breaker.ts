/** Breaks a cluster that the lab started. */
import { allServe, type ClusterState, isWhole } from '@ninelives/history'
import { edgeName, STORE } from '../edges/edges.ts'
import { ApiError, DeadlineError, EXIT_FAILED, LabError } from '../errors.ts'
import type { FaultRequest } from '../faults/controller.ts'
import { findFault } from '../faults/kinds/index.ts'
import { RANDOM_TARGET } from '../faults/target.ts'
import type { Lab } from '../lab.ts'
import { succeeds, until } from '../wait.ts'
import type { Breaker } from './campaign.ts'
import { parsePlanned, ROLLING } from './planned.ts'
import { byClock, type Schedule } from './schedule.ts'

const PAUSE_MIN_MS = 300
const PAUSE_SPAN_MS = 2_000
/** On a busy machine the twentieth request that commits on one of four nodes may take ten seconds to come. */
const LANDING_WAIT_MS = 20_000
const WHOLE_DEADLINE_MS = 30_000
const ENDS_NODES: ReadonlySet<string> = new Set(['kill', 'crash', 'drain'])

export interface LabBreakerOptions {
  /** So many nodes may be down at once, as with more a correct store may lose sessions. Default: all. */
  readonly deadMax?: number
  /** When a fault that must be healed is. Default: by the clock. */
  readonly schedule?: Schedule
  /** How long a crash may wait for a request to land in. Default: 20 seconds. */
  readonly landsWithinMs?: number
}

export function labBreaker(lab: Lab, options: LabBreakerOptions = {}): Breaker {
  const { deadMax = Number.POSITIVE_INFINITY, schedule = byClock, landsWithinMs = LANDING_WAIT_MS } = options
  const turn = turns()
  /** A node that the balancer has ejected may be so slow that the others no longer count on its copies. */
  const dying = (): number =>
    lab.trace.state.nodes.filter(({ state, ejected }) => ejected || (state !== 'up' && state !== 'paused')).length
  const mayDie = (): Promise<void> =>
    until(() => dying() < deadMax, { deadlineMs: WHOLE_DEADLINE_MS, what: 'a node to be back' })
  /** For a fault that ends a node. */
  const inTurn: InTurn = (run) =>
    turn(async () => {
      await mayDie()
      return await run()
    })
  const drawn = new Map<string, number>()
  /** How often a kind was drawn before. */
  const before = (planned: string): number => {
    const times = drawn.get(planned) ?? 0
    drawn.set(planned, times + 1)
    return times
  }
  return {
    async once(planned, random) {
      if (planned === ROLLING) return await roll(lab, inTurn)
      const drawn = draw(planned, before(planned), random)
      const request = schedule.endsByClock ? drawn : { ...drawn, target: named(lab, drawn, random) }
      if (!ENDS_NODES.has(request.kind) || request.target === STORE)
        return await once(lab, request, { schedule, landsWithinMs })
      return await inTurn(async () => {
        // By operations, two faults of a storm may fall on one node.
        if (!schedule.endsByClock) await untilUp(lab, request.target)
        return await once(lab, request, { schedule, landsWithinMs })
      })
    },
    whole: (signal) => whole(lab, signal),
  }
}

type InTurn = <T>(run: () => Promise<T>) => Promise<T>

/** Runs what it is given one after the other. */
function turns(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return (run) => {
    const next = last.then(run)
    last = next.catch(() => undefined)
    return next
  }
}

function draw(planned: string, before: number, random: () => number): FaultRequest {
  const request = parsePlanned(planned) ?? { kind: planned, target: RANDOM_TARGET }
  const fault = findFault(request.kind)
  // The next request of a single operation, as there are few of them.
  const only = request.operation === undefined ? {} : { request: 1 }
  const drawn = { ...fault.drawn?.(random, before), ...request, ...only }
  if (fault.comesBack || fault.isMomentary) return drawn
  return { ...drawn, durationMs: Math.round(PAUSE_MIN_MS + random() * PAUSE_SPAN_MS) }
}

/** A random target by its name, drawn from all of them: which ones would take the fault depends on the time. */
function named({ cluster }: Lab, { kind, target }: FaultRequest, random: () => number): string {
  if (target !== RANDOM_TARGET) return target
  const names = findFault(kind).on.includes('edge')
    ? (cluster.edges?.all ?? []).map(edgeName)
    : cluster.nodes.map(({ name }) => name)
  return names[Math.floor(random() * names.length)] ?? target
}

/** Drains each node in turn. In a run with two versions each comes back with the version that the first one did not have. */
async function roll(lab: Lab, inTurn: InTurn): Promise<string> {
  const { cluster, faults: controller, trace } = lab
  const [first] = cluster.nodes
  const version = first?.version && (first.version === 'this' ? 'other' : 'this')
  for (const node of cluster.nodes) {
    const { name } = node
    await inTurn(async () => {
      await untilUp(lab, name)
      node.version = version
      const { id } = await controller.inject({ kind: 'drain', target: name })
      await controller.heal(id)
      await until(() => allServe(trace.state), {
        deadlineMs: WHOLE_DEADLINE_MS,
        what: `node ${name} to take part again`,
      })
    })
  }
  return version === undefined ? 'rolling restart of all' : `rolling deploy of ${version} version`
}

/** Resolves at once if the target is no node's name. */
async function untilUp({ trace }: Lab, target: string): Promise<void> {
  await until(() => trace.state.nodes.every(({ name, state }) => name !== target || state === 'up'), {
    deadlineMs: WHOLE_DEADLINE_MS,
    what: `node ${target} to be up, so that it can take the next fault`,
  })
}

/** Injects a fault, waits for it to land, and returns a short description. */
async function once(
  { faults: controller }: Lab,
  request: FaultRequest,
  { schedule, landsWithinMs }: Pick<Required<LabBreakerOptions>, 'schedule' | 'landsWithinMs'>,
): Promise<string> {
  const { durationMs, ...others } = request
  try {
    const { id, kind, target, point } = await controller.injectPlanned(schedule.endsByClock ? request : others)
    const what = `${kind}${point === undefined ? '' : ` ${point}`} of ${target}`
    const hasLanded = await controller.landedWithin(id, landsWithinMs)
    if (hasLanded && !schedule.endsByClock && durationMs !== undefined) {
      await schedule.later(durationMs)
      // If that fails, the campaign heals it again.
      await succeeds(controller.heal(id))
    }
    return hasLanded ? what : `${what} (it did not land)`
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return `${request.kind} of ${request.target} (${error.message})`
  }
}

/** Resolves when every node is up and gets requests again. Faults that could not be healed are healed once more. */
async function whole(lab: Lab, signal: AbortSignal): Promise<void> {
  const { faults: controller, trace } = lab
  const isMended = (): boolean => isWhole(trace.state) && controller.unhealed()?.length === 0
  const wait = { deadlineMs: WHOLE_DEADLINE_MS, what: () => `every node to be back${absent(trace.state)}` }
  try {
    await until(() => signal.aborted || isMended() || isStuck(lab), wait)
    if (!signal.aborted) await healAgain(lab)
    await until(() => signal.aborted || isMended(), wait)
  } catch (error) {
    if (!(error instanceof DeadlineError) || !signal.aborted) throw error
  }
}

/** What is not as it was, in parentheses; empty if a fault is only being healed. */
function absent({ nodes, faults }: ClusterState): string {
  const without = nodes.filter(({ state, ejected }) => state !== 'up' || ejected)
  const parts = [
    ...without.map(({ name, state, ejected }) => `${name} is ${state}${ejected ? ' and ejected' : ''}`),
    ...faults.map(({ kind, target }) => `the ${kind} of ${target} stands`),
  ]
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function isStuck({ faults: controller }: Lab): boolean {
  return (controller.unhealed()?.length ?? 0) > 0
}

async function healAgain({ faults: controller }: Lab): Promise<void> {
  for (const { id, what } of controller.unhealed() ?? []) {
    try {
      await controller.heal(id)
    } catch (error) {
      const reason = (error as Error).message
      throw new LabError('NOT_HEALED', EXIT_FAILED, `${what} could not be healed: ${reason}`, error)
    }
  }
}
