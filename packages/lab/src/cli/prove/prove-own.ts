/** `prove` on a cluster that the lab starts. */
import { labBreaker } from '../../campaign/lab-breaker.ts'
import { isFailover, placeOf } from '../../campaign/place.ts'
import { type Place, planProblem } from '../../campaign/plan-problem.ts'
import { campaignKinds, needsDisk, needsEdges, parsePlanned, ROLLING } from '../../campaign/planned.ts'
import { askedBy, recipeOf } from '../../campaign/required.ts'
import { byClock, byOperations, type Schedule } from '../../campaign/schedule.ts'
import { awaitStore } from '../../cluster/await-store.ts'
import { type Choice, requirePrivateServer } from '../../cluster/choose-store.ts'
import { nodeProgramIn, ownPrograms, type Programs } from '../../cluster/programs.ts'
import type { Config } from '../../config.ts'
import { STORE } from '../../edges/edges.ts'
import { UsageError } from '../../errors.ts'
import { faults } from '../../faults/kinds/index.ts'
import { type Lab, type LabOptions, openLab } from '../../lab.ts'
import { whyNoPower } from '../../power/power.ts'
import { anyNodeServes } from '../../strategies.ts'
import { closest } from '../../terminal/closest.ts'
import { visible } from '../../terminal/visible.ts'
import { chooseStrategy } from '../command/choose-strategy.ts'
import { RATE_MAX } from './fit-rate.ts'
import { lastLook } from './last-look.ts'
import { NODES_DEFAULT, proveFlags, type ProveValues } from './prove-flags.ts'
import type { Plan, PlanBasis, Subject } from './prove-subject.ts'
import { storeOf, withDurability } from '../command/store-flags.ts'
import { say } from '../../terminal/say.ts'

/** How long a node stays down. */
const RESTART_AFTER_MS = 700
const DEAD_OF_MESH_MAX = 2
/** In a storm, full service is due so soon after everything is back. */
const FULL_WITHIN_MS = 2_000

/** Throws UsageError if the flags can't be satisfied. */
export function planOwn(flags: ProveValues, config: Config): (basis: PlanBasis) => Plan {
  const kinds = flags.faults ?? ['kill']
  const unknown = kinds.find((kind) => parsePlanned(kind) === undefined)
  if (unknown !== undefined)
    throw new UsageError(`--faults takes ${proveFlags.faults.takes}, not "${unknown}"${guessOf(unknown)}`)
  if (flags.schedule === 'operations' && flags.rate === undefined)
    throw new UsageError('--schedule operations needs --rate N, as the rate that fits the machine is another each time')
  const nodes = flags.nodes ?? NODES_DEFAULT
  const programs = programsFor(flags['other-version'], kinds)
  const chosen = chooseStrategy({ ...flags, store: storeOf(flags, config), nodes }, config)
  const choice = withDurability(chosen, flags.durability)
  const onDisk = kinds.find(needsDisk)
  const noDisk = onDisk === undefined ? undefined : (whyNoPower(config.searchPath) ?? whyNothingOnDisk(onDisk, choice))
  if (noDisk !== undefined) throw new UsageError(`--faults ${onDisk}: ${noDisk}`)
  const onStore = kinds.find((kind) => isOnStore(kind) && !needsDisk(kind))
  if (onStore !== undefined) requirePrivateServer(choice, `--faults ${onStore}`)
  requireFitting(kinds, placeOf(kinds, choice, nodes, flags.users))
  return (basis) => ({
    announcement: `Starting ${choice.strategy.name} with ${nodes} ${nodes === 1 ? 'node' : 'nodes'}, seed ${basis.seed} ...`,
    kinds,
    recipe: recipeOf,
    async open(signal) {
      const { own } = choice
      if (own !== undefined) await awaitStore(own, (line) => say(`${visible(line)}\n`), signal)
      const lab = await openLab(labOptions(flags, { nodes, choice, programs, basis, config }))
      return subjectOf(lab, choice, { deadMax: deadMaxOf(choice, nodes), schedule: scheduleOf(flags, lab) })
    },
  })
}

/** The kind that was meant, where another one was written. */
function guessOf(planned: string): string {
  const [kind = ''] = planned.split(/[:@]/)
  const meant = campaignKinds.includes(kind) ? undefined : closest(kind, campaignKinds)
  return meant === undefined ? '' : `: did you mean ${meant}?`
}

/** Throws UsageError if the other version can't be used. */
function programsFor(otherVersion: string | undefined, kinds: readonly string[]): Programs {
  const own = ownPrograms()
  if (otherVersion === undefined) return own
  if (!kinds.some((kind) => parsePlanned(kind)?.kind === ROLLING))
    throw new UsageError('--other-version is deployed by --faults rolling, alone or with other kinds')
  return { ...own, otherNode: nodeProgramIn(otherVersion) }
}

/** Throws UsageError if one of them has no target. */
function requireFitting(kinds: readonly string[], place: Place): void {
  for (const kind of kinds) {
    const planned = parsePlanned(kind)
    const why = planned && planProblem(planned, place)
    if (why !== undefined) throw new UsageError(`--faults ${kind} can't fall: ${why}`)
  }
}

/** Redis without a durability. A loss of power shows what that loses; a disk that is never written to can't be full. */
function whyNothingOnDisk(planned: string, { server }: Choice): string | undefined {
  if (parsePlanned(planned)?.kind !== 'full-disk' || server === undefined) return undefined
  const { durability = server.kind.durabilities[0], kind } = server
  return durability === 'none'
    ? `a ${kind.title} without --durability writes nothing; add --durability everysec`
    : undefined
}

function isOnStore(planned: string): boolean {
  const { kind = '', target } = parsePlanned(planned) ?? {}
  return target === STORE && faults.get(kind)?.on.includes('store') === true
}

/** A session of `clustered` has three copies, so it survives two deaths at once; of any strategy one node must be left. */
function deadMaxOf(choice: Choice, nodes: number): number {
  return Math.max(1, Math.min(nodes - 1, isMesh(choice) ? DEAD_OF_MESH_MAX : nodes))
}

/** Whether the nodes keep the sessions among themselves, which takes a majority of them. */
function isMesh({ strategy: { store }, storeUrl }: Choice): boolean {
  return storeUrl === undefined && typeof store !== 'string' && 'mesh' in store
}

function scheduleOf({ schedule, rate = RATE_MAX }: ProveValues, { cluster }: Lab): Schedule {
  return schedule === 'operations' ? byOperations(cluster.users, rate) : byClock
}

function subjectOf(
  lab: Lab,
  { strategy }: Choice,
  { deadMax, schedule }: { readonly deadMax: number; readonly schedule: Schedule },
): Subject {
  const { trace, cluster, control } = lab
  return {
    trace,
    breaker: labBreaker(lab, { deadMax, schedule }),
    schedule,
    users: cluster.users,
    async start() {
      await lab.start()
      return `${cluster.url}, live page on ${control.url}`
    },
    lastLook: () =>
      lastLook(cluster.users, anyNodeServes(strategy) ? cluster.nodes.map(({ name, url }) => ({ name, url })) : []),
    stop: (reason, cutShort) => lab.stop(reason, cutShort),
    kill: () => lab.kill(),
  }
}

interface Planning {
  readonly nodes: number
  readonly choice: Choice
  readonly programs: Programs
  readonly basis: PlanBasis
  readonly config: Config
}

function labOptions(flags: ProveValues, { nodes, choice, programs, basis, config }: Planning): LabOptions {
  const { seed, run, directory } = basis
  const hasVersions = programs.otherNode !== undefined
  return {
    ...choice,
    nodes,
    port: 0,
    controlPort: 0,
    restartAfterMs: RESTART_AFTER_MS,
    edges: (flags.faults ?? []).some(needsEdges),
    replica: (flags.faults ?? []).some(isFailover),
    power: (flags.faults ?? []).some(needsDisk),
    users: flags.users,
    tabs: flags.tabs,
    together: true,
    floor: flags.floor,
    requires: [...new Set([...flags.require, ...askedBy(flags.faults ?? ['kill'], { ...flags, hasVersions })])],
    service: {
      needs: isMesh(choice) ? 'majority' : 'one',
      ...(flags.overlap > 1 ? { fullWithinMs: FULL_WITHIN_MS } : {}),
    },
    rate: flags.rate ?? RATE_MAX,
    idempotencyKeys: flags.keys === 'sent',
    seed,
    run,
    directory,
    // The users record how often the balancer sent a request on.
    environment: { ...config.environment, SERVER_TIMING: 'true' },
    programs,
  }
}
