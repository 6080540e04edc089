/**
 * Changes that count only once replicas have them: the script and a WAIT in one pipeline, so one round trip, and the count
 * that WAIT answers is checked. Too few in time is StoreUnavailableError, caused by TooFewCopiesError: the primary has
 * applied the change and it may last, or be lost at a failover.
 *
 *     one       the primary and one replica
 *     quorum    the larger half of the copies there should be, and never fewer than two
 *     all       every copy there should be, and never fewer than two
 *
 * There should be as many replicas as the URL says (`replicas=2`), or else the most that any primary was seen with since this
 * process began: a replica that went missing still counts, so an outage never makes `quorum` or `all` mean less. Where there
 * are no replicas at all, each of the three is refused; such a server wants `ack=local`.
 *
 * WAIT holds up everything that follows on its connection, so these changes have a connection of their own and reads never
 * stand behind a missing replica. WAIT is no consensus: what was acknowledged is lost if every copy that has it dies or is
 * cut off before one of them is made primary (Sentinel and Cluster choose the replica that is furthest ahead among those
 * they can reach), and a primary that is cut off together with its clients still accepts `local`. Redis' own
 * min-replicas-to-write bounds the latter. Waiting inside the script was rejected: Redis does not block there.
 */
import { Cluster } from 'ioredis'
import type { Ack } from '../contract.ts'
import type { RedisClient } from './redis-client.ts'
import type { RedisConnection } from './redis-connection.ts'
import { isForgotten, type RedisScript, type ScriptArguments, type ScriptReply } from './redis-scripts.ts'

/** The change is on its primary, and too few replicas said in time that they have it. */
export class TooFewCopiesError extends Error {
  override readonly name = 'TooFewCopiesError'
  readonly code = 'TOO_FEW_COPIES'
  readonly copies: number
  readonly copiesWanted: number

  constructor(copies: number, copiesWanted: number, waitMs: number) {
    super(
      `the change may have been applied: ${copies} of ${copiesWanted} copies had it after ${waitMs} ms` +
        (copies === 1 ? ' (a Redis without replicas wants ?ack=local)' : ''),
    )
    this.copies = copies
    this.copiesWanted = copiesWanted
  }
}

export interface AckedScripts {
  /** Runs a script that changes one key, and resolves once as many copies as `ack` asks for have what it changed. */
  run(script: RedisScript, key: string, args: ScriptArguments, ack: ReplicatedAck): Promise<AckedReply>
}

export type ReplicatedAck = Exclude<Ack, 'local'>

export interface AckedReply {
  readonly reply: ScriptReply
  readonly copies: number
}

export interface AckedScriptsOptions {
  /** How many replicas each primary should have; learnt where it is not said. */
  readonly replicas: number | undefined
  readonly timeoutMs: number
}

/** Of a call's timeout, what replicas may take: one that is redirected and whose script is forgotten there waits three times. */
const WAIT_SHARE = 0.3
const REPLICAS_KNOWN_FOR_MS = 10_000
/** Each try after the first follows an answer that proves that nothing was done. */
const TRIES_MAX = 4
/** What a script says when it changed nothing, so that no copies are needed. */
const UNCHANGED: ReadonlySet<string> = new Set(['gone', 'conflict'])

export function ackedScripts(connection: RedisConnection, { replicas, timeoutMs }: AckedScriptsOptions): AckedScripts {
  const waitMs = Math.max(1, Math.floor(timeoutMs * WAIT_SHARE))
  const replicasKnown = replicas === undefined ? learntReplicas(connection) : () => Promise.resolve(replicas)

  return {
    async run(script, key, args, ack) {
      if (!connection.opened) await connection.open(timeoutMs)
      return await connection.asked(async (client) => {
        const wanted = ack === 'one' ? 1 : replicasWanted(ack, await replicasKnown())
        const { reply, acknowledged } = await followed(client, { script, key, args, wanted, waitMs })
        if (acknowledged < wanted && !UNCHANGED.has(reply[0])) {
          throw new TooFewCopiesError(1 + acknowledged, 1 + wanted, waitMs)
        }
        return { reply, copies: 1 + acknowledged }
      })
    },
  }
}

/** How many replicas must have a change, of those that there should be. */
export function replicasWanted(ack: 'quorum' | 'all', replicas: number): number {
  const atLeastOne = Math.max(1, replicas)
  return ack === 'all' ? atLeastOne : Math.floor((1 + atLeastOne) / 2)
}

/** The most replicas that any primary was ever seen with; asked for again now and then, in the background. */
function learntReplicas(connection: RedisConnection): () => Promise<number> {
  let most = 0
  let learning: Promise<void> | undefined
  let staleAtMs = 0

  const learn = async (): Promise<void> => {
    const infos = await Promise.allSettled(connection.primaries().map((primary) => primary.info('replication')))
    const answers = infos.flatMap((info) => (info.status === 'fulfilled' ? [info.value] : []))
    if (answers.length === 0) throw (infos[0] as PromiseRejectedResult).reason
    for (const info of answers) most = Math.max(most, Number(/^connected_slaves:(\d+)/m.exec(info)?.[1] ?? 0))
  }

  return async () => {
    if (performance.now() < staleAtMs) return most
    learning ??= connection
      .asked(learn)
      .then(() => void (staleAtMs = performance.now() + REPLICAS_KNOWN_FOR_MS))
      .finally(() => (learning = undefined))
    // What is known goes on counting while it is asked for again, and when nobody answers that.
    if (staleAtMs > 0) learning.catch(() => {})
    else await learning
    return most
  }
}

/** To which connection a script goes, and how. */
interface Route {
  readonly to: RedisClient
  readonly inFull: boolean
  /** An ASK redirect is followed with ASKING in front. */
  readonly asking: boolean
}

interface Answered {
  readonly reply: ScriptReply
  readonly acknowledged: number
}

/** Follows redirects and sends a forgotten script in full; ioredis does neither for a pipeline without losing the WAIT. */
async function followed(client: RedisClient, command: Command): Promise<Answered> {
  let route: Route = { to: client, inFull: false, asking: false }
  for (let tries = 1; ; tries++) {
    try {
      return await sendWithWait(route, command)
    } catch (error) {
      const forgotten = isForgotten(error) ? { ...route, inFull: true } : undefined
      const next = forgotten ?? (await redirected(client, command.key, error as Error))
      if (next === undefined || tries === TRIES_MAX) throw error
      route = next
    }
  }
}

/** Where a Cluster's node says that the key is, if that is what it says. */
async function redirected(client: RedisClient, key: string, { message }: Error): Promise<Route | undefined> {
  const [, kind, address] = /^(MOVED|ASK) \d+ (\S+)$/.exec(message) ?? []
  if (kind === undefined || !(client instanceof Cluster)) return undefined
  const named = () => client.nodes().find(({ options: { host, port } }) => `${host}:${port}` === address)
  client.refreshSlotsCache()
  // A plain read follows the same redirect, by which the client meets a node that joined lately.
  if (named() === undefined) await client.hmget(key, 'v')
  const to = named()
  return to && { to, inFull: false, asking: kind === 'ASK' }
}

interface Command {
  readonly script: RedisScript
  readonly key: string
  readonly args: ScriptArguments
  readonly wanted: number
  readonly waitMs: number
}

async function sendWithWait({ to, inFull, asking }: Route, command: Command): Promise<Answered> {
  const { script, key, args, wanted, waitMs } = command
  const pipeline = to.pipeline()
  if (asking) pipeline.asking()
  const answered = Promise.withResolvers<ScriptReply>()
  const settle = (error: Error | null | undefined, reply: unknown) =>
    error ? answered.reject(error) : answered.resolve(reply as ScriptReply)
  if (inFull) pipeline.eval(script.lua, 1, key, ...args, settle)
  else pipeline.evalsha(script.sha, 1, key, ...args, settle)
  pipeline.wait(wanted, waitMs)
  // A redirect is known at once, and must not stand behind a WAIT on the wrong node.
  const [reply, answers] = await Promise.all([answered.promise, pipeline.exec()])
  const [failure, acknowledged] = answers?.at(-1) ?? [new Error('no answer')]
  if (failure !== null) throw failure
  return { reply, acknowledged: acknowledged as number }
}
