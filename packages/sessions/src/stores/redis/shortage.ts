/**
 * Which primaries are known to have fewer replicas than their writes want, since when, and what follows: until the time is
 * over their writes are acknowledged with the copies there are, or they are refused before they are sent. Redis is asked for
 * its replicas at most once a second, and only while writes or a report ask here.
 */
import type { Redis } from 'ioredis'
import type { CopiesEvent, OnStoreEvent, StoreReport } from '../../telemetry.ts'
import { replicasOnline } from './lane.ts'
import { addressOf } from './route.ts'

/** What becomes of a write that too few copies can have: see README.md. */
export type FewerCopies = 'acknowledge' | 'refuse'

export interface LackRules {
  readonly fewerCopies: FewerCopies
  /** How long writes are acknowledged with fewer copies. */
  readonly fewerCopiesMaxMs: number
  readonly onEvent: OnStoreEvent
}

interface Lack {
  readonly sinceMs: number
  readonly replicasWanted: number
  /** Of the connection that this was learnt on: another one may lead to another primary. */
  stream: unknown
  online: number
  askedAtMs: number
  writes: number
}

const ASK_EVERY_MS = 1_000
const TELL_EVERY_MS = 60_000

export class ReplicaLacks {
  readonly #rules: LackRules
  readonly #known = new Map<Redis, Lack>()
  readonly #toldAtMs = new WeakMap<Redis, Map<CopiesEvent['event'], number>>()
  #writesWithFewer = 0
  #writesRefused = 0

  constructor(rules: LackRules) {
    this.#rules = rules
  }

  /** How many replicas can be waited for; the number wanted where nothing is known against it. */
  within(server: Redis, replicasWanted: number): number {
    const lack = this.#known.get(server)
    if (lack === undefined) return replicasWanted
    ask(server, lack)
    return lack.stream === server.stream ? Math.min(replicasWanted, lack.online) : replicasWanted
  }

  /** A write has fewer copies than wanted: whether it is acknowledged all the same. */
  mayAcknowledge(server: Redis): boolean {
    const lack = this.#known.get(server)
    return lack === undefined ? this.#rules.fewerCopies === 'acknowledge' : this.#leftMs(lack) > 0
  }

  /** A write has the copies that it wants. */
  noteEnough(server: Redis, replicasWanted: number): void {
    const lack = this.#known.get(server)
    if (lack === undefined || replicasWanted < lack.replicasWanted) return
    this.#known.delete(server)
    lack.online = replicasWanted
    this.#tell(server, lack, 'copies-restored')
  }

  /** A write was applied, and too few replicas have it; so many are there, where that was looked at. */
  noteFewer(server: Redis, online: number | undefined, replicasWanted: number): void {
    const { stream } = server
    const nowMs = performance.now()
    const begun = { sinceMs: nowMs, askedAtMs: nowMs, replicasWanted, writes: 0, stream, online: 0 }
    const lack = Object.assign(this.#known.get(server) ?? begun, { stream }, online === undefined ? {} : { online })
    this.#known.set(server, lack)
    if (!this.mayAcknowledge(server)) return this.noteRefused(server)
    lack.writes++
    this.#writesWithFewer++
    this.#tell(server, lack, 'copies-fewer')
  }

  noteRefused(server: Redis): void {
    this.#writesRefused++
    const lack = this.#known.get(server)
    if (lack !== undefined && !this.mayAcknowledge(server)) this.#tell(server, lack, 'copies-refused')
  }

  report(): StoreReport {
    const warnings: string[] = []
    for (const [server, lack] of this.#known) {
      // A server that left the Cluster takes what is known of it along.
      if (server.status === 'end') this.#known.delete(server)
      else {
        ask(server, lack)
        if (lack.online < lack.replicasWanted) warnings.push(warning(server, lack, this.#leftMs(lack)))
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

  #leftMs({ sinceMs }: Lack): number {
    const { fewerCopies, fewerCopiesMaxMs } = this.#rules
    return fewerCopies === 'refuse' ? 0 : Math.max(0, sinceMs + fewerCopiesMaxMs - performance.now())
  }

  #tell(server: Redis, lack: Lack, event: CopiesEvent['event']): void {
    const nowMs = performance.now()
    const told = this.#toldAtMs.get(server) ?? new Map<CopiesEvent['event'], number>()
    // A replica that lags and catches up in turns is told of once a minute as well.
    if (nowMs - (told.get(event) ?? -Infinity) < TELL_EVERY_MS) return
    this.#toldAtMs.set(server, told.set(event, nowMs))
    this.#rules.onEvent({
      event,
      server: addressOf(server),
      copies: 1 + lack.online,
      copiesWanted: 1 + lack.replicasWanted,
      forMs: Math.round(nowMs - lack.sinceMs),
      leftMs: Math.round(this.#leftMs(lack)),
      writes: lack.writes,
    })
  }
}

/** How many replicas it has now: in the background, at most once a second. */
function ask(server: Redis, lack: Lack): void {
  const nowMs = performance.now()
  if (nowMs - lack.askedAtMs < ASK_EVERY_MS) return
  lack.askedAtMs = nowMs
  replicasOnline(server).then(
    (online) => (lack.online = online),
    // The writes themselves find out about a server that does not answer.
    () => {},
  )
}

function warning(server: Redis, { online, replicasWanted }: Lack, leftMs: number): string {
  const what = `${1 + online} of ${1 + replicasWanted} copies`
  return leftMs === 0
    ? `redis at ${addressOf(server)} has ${what}: its writes are refused`
    : `redis at ${addressOf(server)} acknowledges writes with ${what}: they are lost if it dies; refused in ${Math.ceil(leftMs / 1000)} s`
}
