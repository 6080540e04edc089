/** The result of the bench of the session layer: the figures with their intervals, and the blocks they were made from. */
import type { PlanOptions } from '../harness/command/plan-options.ts'
import type { Environment } from '../harness/environment.ts'
import type { Blocks, Measured, Plan } from '../harness/experiment.ts'
import { type Reached, reached } from '../harness/statistics.ts'
import { type Figures, figuresOf } from '../harness/command/subject-figures.ts'
import { type AimFound, aimsFound } from './aims.ts'
import type { IdleSessions } from './idle-sessions.ts'
import type { RequestKind } from './load.ts'
import type { RoundTrips } from './round-trips.ts'
import { USERS } from './subject.ts'
import type { SessionSubject } from './subjects.ts'

export type Options = PlanOptions<SessionSubject, Plan>

export interface SessionFigures extends Figures {
  /** To Redis, of one request that is alone; absent where it can't be counted. */
  readonly roundTrips?: number
  readonly goal?: { readonly ratioMax: number; readonly is: Reached }
}

export interface SubjectResult extends Readonly<Record<RequestKind, SessionFigures>> {
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
  readonly aims: readonly AimFound[]
  readonly idleSessions: IdleSessions
  /** The measurements, block by block. */
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
  const { options, blocks } = found
  const { seed, quick, warmUpRequests, blocks: blockCount, requests, subjects } = options
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
      read: sessionFigures(subject, 'read', found),
      write: sessionFigures(subject, 'write', found),
    })),
    aims: aimsFound(blocks),
    idleSessions: found.idleSessions,
    blocks: Object.fromEntries(blocks),
  }
}

function sessionFigures(
  { name, goal }: SessionSubject,
  kind: RequestKind,
  { blocks, roundTrips }: Found,
): SessionFigures {
  const figures = figuresOf(blocks, name, kind)
  const trips = roundTrips.get(name)?.[kind]
  const ratioMax = goal?.[kind]
  return {
    ...figures,
    ...(ratioMax !== undefined && { goal: { ratioMax, is: reached(figures.cpuRatio, ratioMax) } }),
    ...(trips !== undefined && { roundTrips: trips }),
  }
}
