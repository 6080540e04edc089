/** What the bench of the session layer found: the figures with their intervals, and the blocks they were made from. */
import type { Environment } from '../harness/environment.ts'
import type { Blocks, Measured } from '../harness/experiment.ts'
import type { IdleSessions } from './idle-sessions.ts'
import type { RequestKind } from './load.ts'
import type { RoundTrips } from './round-trips.ts'
import type { Options } from './options.ts'
import { OURS, OURS_AGAIN, type SessionSubject } from './subjects.ts'
import {
  type Estimate,
  estimate,
  type Finding,
  finding,
  type Random,
  ratio,
  type Reached,
  reached,
  seededRandom,
} from '../harness/statistics.ts'
import { USERS } from './subject.ts'

export interface Figures {
  readonly cpuMicrosPerRequest: Estimate
  readonly p50Micros: Estimate
  readonly p99Micros: Estimate
  /** Of one request that is alone, to Redis; absent where it can't be counted. */
  readonly roundTrips?: number
  /** The CPU time of ninelives over Redis, over this subject's. */
  readonly cpuRatio: Estimate & { readonly finding: Finding }
  readonly goal?: { readonly ratioMax: number; readonly is: Reached }
}

export interface SubjectResult extends Readonly<Record<RequestKind, Figures>> {
  readonly name: string
  readonly title: string
}

export interface SessionsResult {
  readonly schema: 1
  readonly bench: 'sessions'
  readonly startedAt: string
  readonly environment: Environment
  readonly options: Readonly<Record<string, unknown>>
  readonly seed: number
  readonly subjects: readonly SubjectResult[]
  readonly idleSessions: IdleSessions
  /** What the estimates were made from, block by block. */
  readonly blocks: Readonly<Record<string, Readonly<Record<RequestKind, readonly Measured[]>>>>
}

export interface Found {
  readonly startedAt: Date
  readonly environment: Environment
  readonly options: Options
  readonly blocks: Blocks<RequestKind>
  readonly roundTrips: ReadonlyMap<string, RoundTrips | undefined>
  readonly idleSessions: IdleSessions
}

export function sessionsResult(found: Found): SessionsResult {
  const { options, blocks, roundTrips } = found
  const { seed, quick, warmUpRequests, blocks: blockCount, requests, subjects } = options
  // Not the one that shuffled: how many subjects there are must not change the intervals of any.
  const figuresOf = (subject: SessionSubject, kind: RequestKind): Figures => {
    const measured = figures(subject, kind, blocks, seededRandom(seed))
    const trips = roundTrips.get(subject.name)?.[kind]
    return trips === undefined ? measured : { ...measured, roundTrips: trips }
  }
  return {
    schema: 1,
    bench: 'sessions',
    startedAt: found.startedAt.toISOString(),
    environment: found.environment,
    options: { quick, warmUpRequests, blocks: blockCount, requests, users: USERS },
    seed,
    subjects: subjects.map((subject) => ({
      name: subject.name,
      title: subject.title,
      read: figuresOf(subject, 'read'),
      write: figuresOf(subject, 'write'),
    })),
    idleSessions: found.idleSessions,
    blocks: Object.fromEntries(blocks),
  }
}

/** Whether ninelives seems to differ from itself: then the machine was too restless for what this run says. */
export function differsFromItself({ subjects }: SessionsResult): boolean {
  const again = subjects.find(({ name }) => name === OURS_AGAIN)
  return [again?.read, again?.write].some((of) => of?.cpuRatio.finding === 'less' || of?.cpuRatio.finding === 'more')
}

function figures(
  { name, goal }: SessionSubject,
  kind: RequestKind,
  blocks: Blocks<RequestKind>,
  random: Random,
): Figures {
  const series = (of: string, figure: keyof Measured) => (blocks.get(of)?.[kind] ?? []).map((block) => block[figure])
  const cpu = series(name, 'cpuMicrosPerRequest')
  const cpuRatio = ratio(series(OURS, 'cpuMicrosPerRequest'), cpu, random)
  const ratioMax = goal?.[kind]
  return {
    cpuMicrosPerRequest: estimate(cpu, random),
    p50Micros: estimate(series(name, 'p50Micros'), random),
    p99Micros: estimate(series(name, 'p99Micros'), random),
    cpuRatio: { ...cpuRatio, finding: finding(cpuRatio) },
    ...(ratioMax !== undefined && { goal: { ratioMax, is: reached(cpuRatio, ratioMax) } }),
  }
}
