/**
 * A tally of failures that all nodes share: one small record in a session store, changed by compare-and-set, which expires
 * by itself once it means nothing any more.
 */
import type { Clock } from '../clock.ts'
import type { SessionKey, SessionRecord, SessionStore } from '../contract.ts'
import { RecordUnreadableError } from '../errors.ts'
import { auxiliaryKey } from '../secrets/id.ts'
import { counted, forgottenAtMs, type Lane, NO_FAILURES, type Tally, uncounted, waitMs } from './throttle-lane.ts'

/**
 * Each conflict means that another attempt was counted, so this many attempts at one instant are all counted. An attempt that
 * meets more conflicts is refused.
 */
const TRIES_MAX = 64
const CROWDED_WAIT_MS = 1_000

export class SharedTally {
  readonly lane: Lane
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #key: SessionKey
  #record: SessionRecord | undefined

  private constructor(store: SessionStore, clock: Clock, lane: Lane, key: SessionKey, record?: SessionRecord) {
    this.lane = lane
    this.#store = store
    this.#clock = clock
    this.#key = key
    this.#record = record
  }

  /** `name` tells this tally from every other. */
  static async open(store: SessionStore, clock: Clock, lane: Lane, name: string): Promise<SharedTally> {
    const key = auxiliaryKey(`throttle ${name}`)
    return new SharedTally(store, clock, lane, key, await store.read(key))
  }

  get failures(): number {
    return this.#tally(this.#clock.now()).failures
  }

  get isStored(): boolean {
    return this.#record !== undefined && this.#record.expiresAtMs > this.#clock.now()
  }

  /** How long until an attempt is let in, as far as this has seen. */
  get waitMs(): number {
    const nowMs = this.#clock.now()
    return waitMs(this.#tally(nowMs), this.lane, nowMs)
  }

  /** Counts an attempt, unless it comes too early: then resolves how long it has to wait, and nothing was changed. */
  async count(): Promise<number> {
    const isCounted = await this.#change((tally, nowMs) =>
      waitMs(tally, this.lane, nowMs) > 0 ? undefined : counted(tally, this.lane, nowMs),
    )
    return isCounted ? 0 : Math.max(this.waitMs, CROWDED_WAIT_MS)
  }

  /** False when others kept changing it. */
  takeBack(): Promise<boolean> {
    return this.#change(uncounted)
  }

  reset(): Promise<boolean> {
    return this.#change((_tally, nowMs) => ({ failures: 0, lastAtMs: nowMs }))
  }

  async #change(change: (tally: Tally, nowMs: number) => Tally | undefined): Promise<boolean> {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const nowMs = this.#clock.now()
      const next = change(this.#tally(nowMs), nowMs)
      if (next === undefined) return false
      const expectedVersion = this.#record?.version ?? 0
      const expiresAtMs = forgottenAtMs(next, this.lane)
      const body = JSON.stringify([next.failures, next.lastAtMs])
      const written = await this.#store.write(this.#key, { expectedVersion, expiresAtMs, body })
      if (written.status === 'written') {
        this.#record = { version: written.version, expiresAtMs, body }
        return true
      }
      // Gone: it expired since it was read, and the next try creates it.
      this.#record = written.status === 'conflict' ? written.current : undefined
    }
    return false
  }

  #tally(nowMs: number): Tally {
    const record = this.#record
    return record === undefined || record.expiresAtMs <= nowMs ? NO_FAILURES : parsedTally(record.body)
  }
}

function parsedTally(body: string): Tally {
  const [, failures, lastAtMs] = /^\[(\d+),(\d+)\]$/.exec(body) ?? []
  if (failures === undefined || lastAtMs === undefined) throw new RecordUnreadableError('it is no count of attempts')
  return { failures: Number(failures), lastAtMs: Number(lastAtMs) }
}
