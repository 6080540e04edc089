/**
 * Changes that count only once replicas have them: the script and a WAIT go out together, see redis-lane.ts, and the count that
 * WAIT answers is checked.
 *
 *     one       the primary and one replica
 *     quorum    the larger half of the copies there should be, and never fewer than two
 *     all       every copy there should be, and never fewer than two
 *
 * There should be as many replicas as the URL says (`replicas=2`), or else the most that any primary was seen with since this
 * process began: a replica that went missing still counts, so an outage never makes `quorum` or `all` mean less.
 *
 * A primary that was promoted at a failover has no replica until another server follows it, and then no change on it can have
 * its copies. What follows is a policy, see redis-lack.ts: `acknowledge` with the copies there are, for a bounded time, or
 * `refuse`. A change that names its own `ack` is never acknowledged with fewer copies than that. Of changes that too few copies
 * have, the first is applied before that is known; later ones are refused before they are sent. Replicas that are there and late
 * are no lack: such a change is refused under either policy. All are StoreCopiesError, which is no outage: the server answers,
 * and reads go on.
 *
 * WAIT holds up everything that follows on its connection, so these changes have a connection of their own and reads never
 * stand behind a missing replica. WAIT is no consensus: what was acknowledged is lost if every copy that has it dies or is
 * cut off before one of them is made primary (Sentinel and Cluster choose the replica that is furthest ahead among those
 * they can reach), and a primary that is cut off together with its clients still accepts `local`. Redis' own
 * min-replicas-to-write bounds the latter. Waiting inside the script was rejected: Redis does not block there.
 */
import type { Redis } from 'ioredis'
import type { Ack } from '../../contract.ts'
import { StoreCopiesError } from '../../errors.ts'
import type { StoreReport } from '../../telemetry.ts'
import type { RedisConnection } from './connection.ts'
import { type LackRules, ReplicaLacks } from './shortage.ts'
import { isUnchanged, type LaneBounds, type ScriptCommand, scriptLane, type ScriptLane } from './lane.ts'
import { followed, type Route } from './route.ts'
import type { RedisScript, ScriptArguments, ScriptReply } from './scripts.ts'

/** Too few replicas have the change, or can have it. */
export class TooFewCopiesError extends Error {
  override readonly name = 'TooFewCopiesError'
  readonly code = 'TOO_FEW_COPIES'
  readonly copies: number
  readonly copiesWanted: number

  constructor(copies: number, copiesWanted: number, isSent: boolean) {
    super(
      (isSent ? 'the change may have been applied: ' : 'the change was not sent: ') +
        `${copies} of ${copiesWanted} copies ${isSent ? 'had it in time' : 'are within reach'}` +
        (copies === 1 ? ' (a Redis without replicas wants ?ack=local)' : ''),
    )
    this.copies = copies
    this.copiesWanted = copiesWanted
  }
}

export interface AckedScripts {
  /** Runs a script that changes one key, and resolves once as many copies as `ack` asks for have what it changed. */
  run(script: RedisScript, key: string, args: ScriptArguments, ack: ReplicatedAck): Promise<AckedReply>
  report(): StoreReport
}

export interface ReplicatedAck {
  readonly ack: Exclude<Ack, 'local'>
  /** Whether the change names it itself, rather than leaves it to the store. */
  readonly isStrict: boolean
}

export interface AckedReply {
  readonly reply: ScriptReply
  readonly copies: number
}

export interface AckedScriptsOptions extends LackRules {
  /** How many replicas each primary should have; learnt where it is not said. */
  readonly replicas: number | undefined
  readonly timeoutMs: number
}

/** Of a call's timeout, what replicas may take: a change may stand behind another one's wait, and be redirected. */
const WAIT_SHARE = 0.3
const REPLICAS_KNOWN_FOR_MS = 10_000

export function ackedScripts(connection: RedisConnection, options: AckedScriptsOptions): AckedScripts {
  const { replicas, timeoutMs } = options
  const replicasKnown = replicas === undefined ? learntReplicas(connection) : () => Promise.resolve(replicas)
  const lanes = new WeakMap<Redis, ScriptLane>()
  const bounds: LaneBounds = { waitMs: Math.max(1, Math.floor(timeoutMs * WAIT_SHARE)), queuedMaxMs: timeoutMs }
  const lack = new ReplicaLacks(options)

  const laneTo = (server: Redis): ScriptLane => {
    const lane = lanes.get(server) ?? scriptLane(server, bounds)
    lanes.set(server, lane)
    return lane
  }

  /** Resolves with an error rather than rejects: this one is no failure of the connection. */
  const send = async (
    { to, ...as }: Route,
    command: ScriptCommand,
    wanted: number,
    isStrict: boolean,
  ): Promise<AckedReply | TooFewCopiesError> => {
    const within = lack.within(to, wanted)
    const refuses = () => isStrict || !lack.mayAcknowledge(to)
    if (within < wanted && refuses()) {
      lack.noteRefused(to)
      return new TooFewCopiesError(1 + within, 1 + wanted, false)
    }
    const { reply, replicas, online } = await laneTo(to).run(command, as, within)
    const result = { reply, copies: 1 + replicas }
    if (isUnchanged(reply)) return result
    if (replicas >= wanted) {
      lack.noteEnough(to, wanted)
      return result
    }
    // Where the replicas are there and late, the change may reach them at any moment, and the primary may die before.
    const isLate = online !== undefined && online >= wanted
    if (isLate) lack.noteRefused(to)
    // What one change asks for by itself says nothing of the others.
    else if (!isStrict) lack.noteFewer(to, online, wanted)
    return isLate || refuses() ? new TooFewCopiesError(result.copies, 1 + wanted, true) : result
  }

  return {
    async run(script, key, args, { ack, isStrict }) {
      if (!connection.opened) await connection.open(timeoutMs)
      const result = await connection.asked(async (client) => {
        const wanted = ack === 'one' ? 1 : replicasWanted(ack, await replicasKnown())
        return await followed(client, key, (route) => send(route, { script, key, args }, wanted, isStrict))
      })
      if (result instanceof TooFewCopiesError) throw new StoreCopiesError(connection.address, result)
      return result
    },

    report: () => lack.report(),
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
    // The number known so far counts until the servers have answered again, and if they do not.
    if (staleAtMs > 0) learning.catch(() => {})
    else await learning
    return most
  }
}
