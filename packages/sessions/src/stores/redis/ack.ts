/**
 * Changes that are acknowledged only when replicas have them: the script is followed by a WAIT, see lane.ts, and WAIT returns
 * how many replicas have it.
 *
 *     one       the primary and one replica
 *     quorum    a majority of the configured copies, at least two
 *     all       every configured copy, at least two
 *
 * The number of replicas comes from the URL (`replicas=2`), or else it is the most that any primary had since this process
 * began. A missing replica still counts, so an outage never weakens `quorum` or `all`.
 *
 * A primary that was promoted at a failover has no replica at first, so no change on it can get its copies. The policy
 * `fewerCopies`, see shortage.ts, then either acknowledges with the copies there are, for a bounded time, or refuses. The first
 * change with too few copies is applied before that is known; later ones are refused before they are sent. Replicas that are
 * connected but late are no shortage: such a change is refused under either policy. A refusal is a StoreCopiesError. It is no
 * outage: the server answers, and reads go on.
 *
 * WAIT blocks its connection, so these changes have a connection of their own, and a missing replica delays no read. WAIT is
 * not a consensus: an acknowledged change is lost if the replica that becomes primary does not have it. A Sentinel compares the
 * replicas by offsets up to five seconds old, and equal ones by their run ids, so it may promote a replica that lags, such as
 * one that has just synced and gets no changes before the primary has handled its next report. With two replicas or more only
 * `all` prevents that. A primary that is cut off together with its clients still accepts `local` changes; Redis'
 * min-replicas-to-write bounds that. A WAIT inside the script was rejected: there Redis does not block.
 */
import type { Redis } from 'ioredis'
import type { Ack } from '../../contract.ts'
import { StoreCopiesError } from '../../errors.ts'
import type { StoreReport } from '../../telemetry.ts'
import type { RedisConnection } from './connection.ts'
import { type ShortageRules, ReplicaShortages } from './shortage.ts'
import { isUnchanged, type LaneBounds, type ScriptCommand, scriptLane, type ScriptLane } from './lane.ts'
import { sendFollowing, type Route } from './route.ts'
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
  /** Runs a script on one key, and resolves when as many copies have the change as `ack` wants. */
  run(script: RedisScript, key: string, args: ScriptArguments): Promise<ScriptReply>
  /** Rejects while no change can be sent. A command would wait behind those that wait for replicas. */
  connected(): Promise<void>
  report(): StoreReport
  open(boundMs: number): Promise<void>
  close(): void
}

export interface AckedScriptsOptions extends ShortageRules {
  readonly ack: Exclude<Ack, 'local'>
  /** How many replicas each primary should have; by default the most that were seen. */
  readonly replicas: number | undefined
  readonly timeoutMs: number
}

/** The share of a call's timeout for one WAIT: a change may wait for an earlier WAIT first, and be redirected. */
const WAIT_SHARE = 0.3
const REPLICAS_KNOWN_FOR_MS = 10_000

export function ackedScripts(connection: RedisConnection, options: AckedScriptsOptions): AckedScripts {
  const { ack, replicas, timeoutMs } = options
  const replicasKnown = replicas === undefined ? learntReplicas(connection) : () => Promise.resolve(replicas)
  const lanes = new WeakMap<Redis, ScriptLane>()
  const bounds: LaneBounds = { waitMs: Math.max(1, Math.floor(timeoutMs * WAIT_SHARE)), queuedMaxMs: timeoutMs }
  const shortages = new ReplicaShortages(options)

  const laneTo = (server: Redis): ScriptLane => {
    const lane = lanes.get(server) ?? scriptLane(server, bounds)
    lanes.set(server, lane)
    return lane
  }

  /** Resolves with TooFewCopiesError rather than rejecting: a rejection counts as a failure of the connection. */
  const send = async (
    { to, ...as }: Route,
    command: ScriptCommand,
    wanted: number,
  ): Promise<ScriptReply | TooFewCopiesError> => {
    const inReach = shortages.replicasInReach(to, wanted)
    if (inReach < wanted && !shortages.mayAcknowledge(to)) {
      shortages.noteRefused(to)
      return new TooFewCopiesError(1 + inReach, 1 + wanted, false)
    }
    const { reply, replicas, online } = await laneTo(to).run(command, as, inReach)
    if (isUnchanged(reply)) return reply
    if (replicas >= wanted) {
      shortages.noteEnough(to, wanted)
      return reply
    }
    // Late replicas may get the change at any moment, or the primary may die first.
    const isLate = online !== undefined && online >= wanted
    if (isLate) shortages.noteRefused(to)
    else shortages.noteFewer(to, online, wanted)
    return isLate || !shortages.mayAcknowledge(to) ? new TooFewCopiesError(1 + replicas, 1 + wanted, true) : reply
  }

  return {
    async run(script, key, args) {
      const result = await connection.asked(async (client) => {
        const wanted = ack === 'one' ? 1 : replicasWanted(ack, await replicasKnown())
        return await sendFollowing(client, key, (route) => send(route, { script, key, args }, wanted))
      })
      if (result instanceof TooFewCopiesError) throw new StoreCopiesError(connection.address, result)
      return result
    },

    connected: () => connection.asked(async () => {}),
    report: () => shortages.report(),
    open: (boundMs) => connection.open(boundMs),
    close: () => connection.close(),
  }
}

/** How many of a primary's replicas must have a change. */
export function replicasWanted(ack: 'quorum' | 'all', replicas: number): number {
  const atLeastOne = Math.max(1, replicas)
  return ack === 'all' ? atLeastOne : Math.floor((1 + atLeastOne) / 2)
}

/** The most replicas that any primary was ever seen with; refreshed in the background. */
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
    // Until the servers have answered again, and if they don't, the last known number stands.
    if (staleAtMs > 0) learning.catch(() => {})
    else await learning
    return most
  }
}
