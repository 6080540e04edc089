/**
 * The lease of a node in PostgreSQL (see ../../copies/node-lease.ts): a row of `ninelives_leases`. One connection, the stream, renews it
 * and listens. So the answer to a renewal also shows that the stream works, and the lease ends with the stream.
 *
 * A lease counts at the server until its row is gone. A change that finds it outlived deletes the row, under its lock: a renewal
 * that comes at the same time either comes first, or finds no row.
 *
 * What the stream brings, on one channel for all nodes:
 *
 * - `drop LEASES KEY` from a change that waits: see postgres-copies.ts.
 * - `deleted KEY`, or `deleted`, from a trigger: a record, or all, were deleted by other hands than this program's. This comes after the
 *   change, so such a change may be seen late by the time that the message takes.
 * - `beat LEASE` from this node itself, once for each lease: a pooler may have put another session behind LISTEN, or none.
 */
import type { SessionKey } from '../../../contract.ts'
import { deadlineList } from '../../../deadlines.ts'
import { type LeaseNews, newNodeName, type NodeLease, nodeLease } from '../../copies/node-lease.ts'
import type { PostgresConnection, Statement } from './postgres-connection.ts'
import type { StandbyWait } from './standby-wait.ts'

export interface PostgresLeaseOptions {
  readonly leaseMs: number
  /** Makes a connection to the primary. */
  readonly connect: () => Promise<PostgresConnection>
  /** A lease is committed like a change, and may wait as one. */
  readonly standby: StandbyWait
  /** On connections of the pool, since the stream may be lost. */
  readonly release: (key: SessionKey, name: string) => Promise<unknown>
  readonly giveBack: (name: string) => Promise<unknown>
  readonly refusal: (error: unknown) => Error | undefined
}

export interface PostgresLease extends NodeLease {
  /** Tells of each server that the pool connects to: the lease is worth nothing at another one. */
  connectedTo(serverId: string): void
}

const CHANNEL = 'ninelives_copies'
const NEWS = /^(beat|drop|deleted)(?: ([^ ]+))?(?: (.+))?$/s
const END = `clock_timestamp() + $2 * interval '1 millisecond'`
/** Leases that no change has waited for since they ended. */
const FORGOTTEN = `ends_at < clock_timestamp() - interval '1 minute'`
const STATEMENTS = {
  take: `WITH forgotten AS (DELETE FROM ninelives_leases WHERE ${FORGOTTEN})
    INSERT INTO ninelives_leases (name, ends_at) VALUES ($1, ${END}) RETURNING pg_notify('${CHANNEL}', 'beat ' || $1)`,
  renew: `UPDATE ninelives_leases SET ends_at = ${END} WHERE name = $1 AND ends_at > clock_timestamp()`,
}

export function postgresLease({
  leaseMs,
  connect,
  standby,
  release,
  giveBack,
  refusal,
}: PostgresLeaseOptions): PostgresLease {
  const answers = deadlineList(leaseMs, () => new Error(`the server did not answer within ${leaseMs} ms`))
  let stream: PostgresConnection | undefined
  let news: LeaseNews | undefined
  let heardBeat: ((name: string) => void) | undefined
  let isClosed = false

  const ask = async (statement: Statement, values: readonly unknown[] = []): Promise<number> => {
    if (stream === undefined) throw new Error('there is no connection')
    return (await answers.within(stream.ask(statement, values), () => standby.suspected())).rowCount ?? 0
  }

  const unlink = (): void => {
    stream?.destroy()
    stream = undefined
  }

  const heard = (text: string): void => {
    const [, what, name, rest] = NEWS.exec(text) ?? []
    if (what === 'beat') heardBeat?.(name ?? '')
    else if (what === 'drop' && name?.split(',').includes(lease.name)) news?.dropAsked(rest as SessionKey)
    else if (what === 'deleted' && name !== undefined) news?.changed(text.slice('deleted '.length) as SessionKey)
    else if (what === 'deleted') news?.lost('the records in PostgreSQL were deleted')
  }

  const lease = nodeLease(newNodeName(), leaseMs, {
    async link(told) {
      news = told
      unlink()
      // Without a lease to be had, no connection is made either.
      await standby.over()
      const linked = await connect()
      if (isClosed) return linked.destroy()
      stream = linked
      linked.listen(heard, () => {
        if (stream === linked) told.unlinked('the connection that listens to PostgreSQL was lost')
      })
      // Tells it from the others in pg_stat_activity.
      await ask({ text: `SET application_name = 'ninelives copies'; LISTEN ${CHANNEL}` })
    },

    async take(name, isNew) {
      await standby.over()
      if (!isNew) return (await ask({ name: 'ninelives_renew', text: STATEMENTS.renew }, [name, leaseMs])) === 1
      const beat = Promise.withResolvers<void>()
      heardBeat = (whose) => {
        if (whose === name) beat.resolve()
      }
      await ask({ text: STATEMENTS.take }, [name, leaseMs])
      await answers.within(beat.promise)
      return true
    },

    giveBack,
    release,
    unlink,
    refusal,

    close() {
      isClosed = true
      unlink()
    },
  })

  return Object.assign(lease, {
    connectedTo(serverId: string) {
      if (stream === undefined || stream.server.id === serverId) return
      unlink()
      news?.unlinked('another server is the primary')
    },
  })
}
