import assert from 'node:assert/strict'
import type { NodeLife } from '@ninelives/history'
import { STORE } from '../edges/edges.ts'
import type { Keeper } from '../supervise/keeper.ts'
import { type RunState, runState } from '../supervise/process-table.ts'
import { until } from '../wait.ts'
import type { Power } from '../power/power.ts'
import type { Member } from './member.ts'
import type { StoreOnDisk } from './store-on-disk.ts'
import type { Replication, ServerKind } from './servers/server-kind.ts'

const FOLLOWS_DEADLINE_MS = 15_000

export interface StoreProcess {
  readonly keeper: Keeper
  readonly port: number
}

/**
 * The private store server as a target of faults; a store of the user's own is never broken. If there are two servers, the second
 * is a replica that takes over when it is promoted.
 */
export class StoreServer implements Member, StoreOnDisk {
  readonly name = STORE
  readonly kind: ServerKind
  #primary: StoreProcess
  #follower: StoreProcess | undefined
  readonly #leadTo: (id: string, port: number) => Promise<boolean>
  /** The port to which the edges to the store lead. */
  #ledTo: number
  readonly #power: Power | undefined
  #pausedPid: number | undefined

  /** `leadTo` makes the edges to the store lead to that port. */
  constructor(
    kind: ServerKind,
    leadTo: (id: string, port: number) => Promise<boolean>,
    primary: StoreProcess,
    follower?: StoreProcess,
    power?: Power,
  ) {
    this.#power = power
    this.kind = kind
    this.#leadTo = leadTo
    this.#primary = primary
    this.#follower = follower
    this.#ledTo = primary.port
  }

  get keeper(): Keeper {
    return this.#primary.keeper
  }

  get port(): number {
    return this.#primary.port
  }

  get keepers(): readonly Keeper[] {
    return [this.#primary, this.#follower].flatMap((server) => server?.keeper ?? [])
  }

  get pid(): number | undefined {
    return this.keeper.pid
  }

  get life(): NodeLife {
    if (this.pid === undefined) return 'down'
    return this.pid === this.#pausedPid ? 'paused' : 'up'
  }

  async isGone(pid: number): Promise<boolean> {
    return (await runState(pid)) === 'gone'
  }

  async observe(): Promise<RunState> {
    const { pid } = this
    const seen = pid === undefined ? 'gone' : await runState(pid)
    this.#pausedPid = seen === 'stopped' ? pid : undefined
    return seen
  }

  /** Resolves when the primary answers and the replica is in sync. */
  async start(): Promise<void> {
    await this.#primary.keeper.start()
    await this.followed()
    this.#power?.begin()
  }

  losePower(): boolean {
    if (this.#power === undefined) return false
    this.#power.lose(this.pid === undefined ? [] : [this.pid])
    return true
  }

  get isDiskFull(): boolean {
    return this.#power?.isDiskFull ?? false
  }

  async fillDisk(): Promise<boolean> {
    if (this.#power === undefined || 'because' in this.kind.fullDisk) return false
    this.#power.fillDisk()
    await this.kind.fullDisk.fill?.(this.port)
    return true
  }

  async freeDisk(): Promise<boolean> {
    const { fullDisk } = this.kind
    this.#power?.freeDisk()
    return 'because' in fullDisk || (await fullDisk.recover(this.port))
  }

  refusedWrites(): number {
    return this.#power?.refusedWrites() ?? 0
  }

  restart(): Promise<void> {
    return this.keeper.start()
  }

  /** Whether the replica is connected and in sync. */
  async isFollowed(): Promise<boolean> {
    return this.#follower !== undefined && (await this.#replication.isInSync(this.#follower.port))
  }

  /** Starts the replica if it is down, and resolves when it follows the primary. */
  async followed(): Promise<void> {
    if (this.#follower === undefined) return
    await this.#follower.keeper.start()
    const isWaitedFor = async (): Promise<boolean> => (await this.#replication.waitForReplica?.(this.port)) ?? true
    const wait = { deadlineMs: FOLLOWS_DEADLINE_MS, what: 'the replica to follow the store' }
    await until(async () => (await this.isFollowed()) && (await isWaitedFor()), wait)
  }

  /** Kills the primary; the replica takes its role here. False without a replica. */
  replace(): boolean {
    const dead = this.#primary
    const heir = this.#follower
    if (heir === undefined) return false
    // Swapped first, so that a server that starts from here on follows the new primary.
    this.#primary = heir
    this.#follower = dead
    dead.keeper.signal('SIGKILL')
    return true
  }

  /** Promotes the server in the primary's role, and points the edges to it. Idempotent; resolves to whether it is done. */
  async takeOver(id: string): Promise<boolean> {
    const { port } = this
    if (!(await this.isPrimary()) && !(await this.#replication.promote(port))) return false
    // The edges lead there last: all is done.
    if (this.#ledTo === port) return true
    // Its own step, as a promotion may come about after it was given up.
    if ((await this.#replication.waitForNone?.(port)) === false) return false
    if (!(await this.#leadTo(id, port))) return false
    this.#ledTo = port
    return true
  }

  isPrimary(): Promise<boolean> {
    return this.#replication.isPrimary(this.port)
  }

  /** Whether the server on that port is the replica. */
  isFollower(port: number): boolean {
    return this.#follower?.port === port
  }

  /** Only a kind with replication has a replica. */
  get #replication(): Replication {
    const { replication } = this.kind
    assert('promote' in replication)
    return replication
  }
}
