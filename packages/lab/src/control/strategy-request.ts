/** Another strategy, live: what is asked for, over what the cluster is now. */
import { type Choice, requireReplication } from '../cluster/choose-store.ts'
import { NODES_MAX } from '../cluster/addresses.ts'
import type { ClusterOptions } from '../cluster/options.ts'
import { ApiError, NoStoreError, UsageError } from '../errors.ts'
import { SEED_MAX } from '../random.ts'
import type { Run } from '../run.ts'
import { type Database, DATABASES } from '../strategies.ts'
import { TABS_MAX } from '../users/load.ts'

export interface AskedStrategy {
  readonly strategy: string
  readonly nodes: number
  readonly database?: Database
}

/** Finds the strategy's store on this machine, and waits for it. Rejects with UsageError or LabError. */
export type ChooseStrategy = (asked: AskedStrategy) => Promise<Choice>

type Body = Readonly<Record<string, unknown>>

/** What a run may be made of. The page and the flags of `up` take these too. */
export const RUN_BOUNDS = {
  nodes: { min: 1, max: NODES_MAX },
  users: { min: 0, max: 10_000 },
  tabs: { min: 1, max: TABS_MAX },
  rate: { min: 1, max: 10_000 },
  seed: { min: 0, max: SEED_MAX },
} as const
type NumberName = keyof typeof RUN_BOUNDS
const switches = ['edges', 'replica'] as const
const FIELDS: readonly string[] = ['strategy', 'database', ...switches, ...Object.keys(RUN_BOUNDS)]

/** What the next run is made of: all that is not asked for is as before. Rejects with ApiError. */
export async function nextOptions(
  body: Body,
  before: ClusterOptions,
  rateNow: number,
  choose: ChooseStrategy | undefined,
): Promise<ClusterOptions> {
  const strange = Object.keys(body).find((field) => !FIELDS.includes(field))
  if (strange !== undefined) throw wrong(`"${strange}" is no field of a run; there are ${FIELDS.join(', ')}`)
  const figures = Object.fromEntries(
    Object.entries(RUN_BOUNDS).flatMap(([name, bounds]) => numberOf(name, body[name], bounds)),
  ) as Partial<Record<NumberName, number>>
  const flags = Object.fromEntries(switches.flatMap((name) => switchOf(name, body[name])))
  const next = { ...before, rate: rateNow, ...figures, ...flags }
  // Every fourth user acts in all its tabs at once, so that two tabs meet.
  const together = (next.tabs ?? 1) > 1
  const options = { ...(body['strategy'] === undefined ? next : await withStrategy(next, body, choose)), together }
  // One of an earlier run is kept in the options, and started with the next server that can have it.
  if (body['replica'] === true) requireReplica(options)
  return options
}

/** The options with the strategy that is asked for. */
async function withStrategy(
  { storeUrl: _url, server: _server, ...rest }: ClusterOptions,
  body: Body,
  choose: ChooseStrategy | undefined,
): Promise<ClusterOptions> {
  const { strategy, storeUrl, server } = await chosen(body, rest.nodes, choose)
  return {
    ...rest,
    strategy,
    ...(storeUrl === undefined ? {} : { storeUrl }),
    ...(server === undefined ? {} : { server }),
  }
}

function requireReplica(choice: Choice): void {
  try {
    requireReplication(choice, 'a replica')
  } catch (error) {
    throw ofUsage(error)
  }
}

/** The options of a run, with the port that it has now, for the run after it. */
export function optionsNow({ options, cluster }: Run): ClusterOptions {
  return { ...options, port: Number(new URL(cluster.url).port) }
}

async function chosen(body: Body, nodes: number, choose: ChooseStrategy | undefined): Promise<Choice> {
  const { strategy, database } = body
  if (choose === undefined) throw new ApiError(409, 'ONE_STRATEGY', 'this lab runs one strategy only')
  if (typeof strategy !== 'string') throw wrong('strategy takes the name of a strategy')
  if (database !== undefined && !DATABASES.includes(database as Database))
    throw wrong(`database takes ${DATABASES.join(', ')}`)
  try {
    return await choose({ strategy, nodes, ...(database === undefined ? {} : { database: database as Database }) })
  } catch (error) {
    if (error instanceof NoStoreError) throw new ApiError(503, 'NO_STORE', `${strategy} needs ${error.needs}`)
    throw ofUsage(error)
  }
}

function numberOf(name: string, value: unknown, { min, max }: { min: number; max: number }): [string, number][] {
  if (value === undefined) return []
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return [[name, value]]
  throw wrong(`${name} takes ${min} to ${max}`)
}

function switchOf(name: string, value: unknown): [string, boolean][] {
  if (value === undefined) return []
  if (typeof value === 'boolean') return [[name, value]]
  throw wrong(`${name} takes true or false`)
}

/** What a command line would be refused for, as the API refuses it. */
function ofUsage(error: unknown): unknown {
  return error instanceof UsageError ? wrong(error.message) : error
}

function wrong(message: string): ApiError {
  return new ApiError(422, 'WRONG_SHAPE', message)
}
