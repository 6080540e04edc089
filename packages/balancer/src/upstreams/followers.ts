/**
 * The processes that route by the versions of one directory. Each gets every version in order, the first when it starts, so it has the
 * newest before it gets a connection. They decide nothing: a version was checked before it was published, and a process that can't
 * apply one is replaced.
 */
import type { Environment } from '../config/config-values.ts'
import type { Snapshot } from './desired-state.ts'

/** All that a process needs to have the others' state. */
export interface Update {
  readonly snapshot: Snapshot
  /** Read when its number differs from the last: each reload adds one. */
  readonly settings: { readonly number: number; readonly environment: Environment }
}

export interface Follower {
  /** Resolves when the update is in effect there, or will be before it serves. Rejects where it is not in effect. */
  apply(update: Update): Promise<void>
}

export interface FollowersOptions<Each> {
  /** No process has this upstream any more. */
  readonly departed: (url: string, since: number) => void
  readonly failed: (follower: Each, error: Error) => void
}

export class Followers<Each extends Follower> {
  readonly #options: FollowersOptions<Each>
  readonly #all = new Set<Each>()
  /** By URL and version, the processes that have removed a leaving upstream. */
  readonly #departures = new Map<string, { readonly url: string; readonly since: number; readonly from: Set<Each> }>()

  constructor(options: FollowersOptions<Each>) {
    this.#options = options
  }

  /** From now on it gets what is published. It has what was published before. */
  join(follower: Each): void {
    this.#all.add(follower)
  }

  leave(follower: Each): void {
    if (!this.#all.delete(follower)) return
    for (const key of this.#departures.keys()) this.#settle(key)
  }

  async publish(update: Update): Promise<void> {
    const leaving = new Set(update.snapshot.upstreams.map(({ url, retirement }) => keyOf(url, retirement?.since)))
    for (const key of this.#departures.keys()) if (!leaving.has(key)) this.#departures.delete(key)
    await Promise.all(
      [...this.#all].map((each) => each.apply(update).catch((error: Error) => this.#options.failed(each, error))),
    )
  }

  departed(follower: Each, url: string, since: number): void {
    const key = keyOf(url, since)
    const departure = this.#departures.get(key) ?? { url, since, from: new Set() }
    departure.from.add(follower)
    this.#departures.set(key, departure)
    this.#settle(key)
  }

  #settle(key: string): void {
    const departure = this.#departures.get(key)
    if (departure === undefined || this.#all.size === 0) return
    if (![...this.#all].every((each) => departure.from.has(each))) return
    this.#departures.delete(key)
    this.#options.departed(departure.url, departure.since)
  }
}

function keyOf(url: string, since: number | undefined): string {
  return `${since} ${url}`
}
