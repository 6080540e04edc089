/**
 * Remembers which primaries have fewer replicas than their writes need, and since when. Until a time limit such writes are
 * acknowledged with the copies there are; after it, or by the other policy, they are refused before they are sent. A primary is
 * asked for its replicas at most once a second, and only when a write or a report needs the answer.
 */
import type { Redis } from 'ioredis'
import type { CopiesEvent, OnStoreEvent, StoreReport } from '../../telemetry.ts'
import { replicasOnline } from './lane.ts'
import { addressOf } from './route.ts'
import type { FewerCopies } from './url.ts'

export interface ShortageRules {
  readonly fewerCopies: FewerCopies
  /** How long writes are acknowledged with fewer copies. */
  readonly fewerCopiesMaxMs: number
  readonly onEvent: OnStoreEvent
}

interface Shortage {
  readonly sinceMs: number
  readonly replicasWanted: number
  /** The connection on which this was learnt: a new connection may lead to another primary. */
  stream: unknown
  online: number
  refreshedAtMs: number
  writes: number
}

const REFRESH_EVERY_MS = 1_000
const EVENT_EVERY_MS = 60_000

export class ReplicaShortages {
  readonly #rules: ShortageRules
  readonly #known = new Map<Redis, Shortage>()
  readonly #emittedAtMs = new WeakMap<Redis, Map<CopiesEvent['event'], number>>()
  #writesWithFewer = 0
  #writesRefused = 0

  constructor(rules: ShortageRules) {
    this.#rules = rules
  }

  /** How many replicas a write can wait for: fewer than wanted only while the server is known to be short of them. */
  replicasInReach(server: Redis, replicasWanted: number): number {
    const shortage = this.#known.get(server)
    if (shortage === undefined) return replicasWanted
    refresh(server, shortage)
    return shortage.stream === server.stream ? Math.min(replicasWanted, shortage.online) : replicasWanted
  }

  /** Whether a write that has fewer copies than wanted is acknowledged nevertheless. */
  mayAcknowledge(server: Redis): boolean {
    const shortage = this.#known.get(server)
    return shortage === undefined ? this.#rules.fewerCopies === 'acknowledge' : this.#leftMs(shortage) > 0
  }

  /** A write got all copies that it needs. */
  noteEnough(server: Redis, replicasWanted: number): void {
    const shortage = this.#known.get(server)
    if (shortage === undefined || replicasWanted < shortage.replicasWanted) return
    this.#known.delete(server)
    shortage.online = replicasWanted
    this.#emit(server, shortage, 'copies-restored')
  }

  /** A write was applied, and too few replicas have it. `online` is the number of replicas that are there, if it is known. */
  noteFewer(server: Redis, online: number | undefined, replicasWanted: number): void {
    const { stream } = server
    const nowMs = performance.now()
    const begun = { sinceMs: nowMs, refreshedAtMs: nowMs, replicasWanted, writes: 0, stream, online: 0 }
    const shortage = Object.assign(this.#known.get(server) ?? begun, { stream }, online === undefined ? {} : { online })
    this.#known.set(server, shortage)
    if (!this.mayAcknowledge(server)) return this.noteRefused(server)
    shortage.writes++
    this.#writesWithFewer++
    this.#emit(server, shortage, 'copies-fewer')
  }

  noteRefused(server: Redis): void {
    this.#writesRefused++
    const shortage = this.#known.get(server)
    if (shortage !== undefined && !this.mayAcknowledge(server)) this.#emit(server, shortage, 'copies-refused')
  }

  report(): StoreReport {
    const warnings: string[] = []
    for (const [server, shortage] of this.#known) {
      // This server left the Cluster.
      if (server.status === 'end') this.#known.delete(server)
      else {
        refresh(server, shortage)
        if (shortage.online < shortage.replicasWanted) warnings.push(warning(server, shortage, this.#leftMs(shortage)))
      }
    }
    return {
      warnings,
      copies: {
        serversLacking: warnings.length,
        writesWithFewer: this.#writesWithFewer,
        writesRefused: this.#writesRefused,
      },
    }
  }

  #leftMs({ sinceMs }: Shortage): number {
    const { fewerCopies, fewerCopiesMaxMs } = this.#rules
    return fewerCopies === 'refuse' ? 0 : Math.max(0, sinceMs + fewerCopiesMaxMs - performance.now())
  }

  #emit(server: Redis, shortage: Shortage, event: CopiesEvent['event']): void {
    const nowMs = performance.now()
    const emitted = this.#emittedAtMs.get(server) ?? new Map<CopiesEvent['event'], number>()
    // At most one event of a kind a minute, also when a replica lags and catches up in turns.
    if (nowMs - (emitted.get(event) ?? -Infinity) < EVENT_EVERY_MS) return
    this.#emittedAtMs.set(server, emitted.set(event, nowMs))
    this.#rules.onEvent({
      event,
      server: addressOf(server),
      copies: 1 + shortage.online,
      copiesWanted: 1 + shortage.replicasWanted,
      forMs: Math.round(nowMs - shortage.sinceMs),
      leftMs: Math.round(this.#leftMs(shortage)),
      writes: shortage.writes,
    })
  }
}

/** Asks the server for its replicas, in the background and at most once a second. */
function refresh(server: Redis, shortage: Shortage): void {
  const nowMs = performance.now()
  if (nowMs - shortage.refreshedAtMs < REFRESH_EVERY_MS) return
  shortage.refreshedAtMs = nowMs
  replicasOnline(server).then(
    (online) => (shortage.online = online),
    // If the server does not answer, the writes fail by themselves.
    () => {},
  )
}

function warning(server: Redis, { online, replicasWanted }: Shortage, leftMs: number): string {
  const what = `${1 + online} of ${1 + replicasWanted} copies`
  return leftMs === 0
    ? `redis at ${addressOf(server)} has ${what}: its writes are refused`
    : `redis at ${addressOf(server)} acknowledges writes with ${what}: they are lost if it dies; refused in ${Math.ceil(leftMs / 1000)} s`
}
