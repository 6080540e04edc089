/** A store on a disk that can lose its power or be full: a server of the lab, or a file of the nodes. */
import type { NodeLife } from '@ninelives/history'
import { STORE } from '../edges/edges.ts'
import type { Subject } from '../faults/contract/fault.ts'
import type { Power } from '../power/power.ts'
import type { ClusterNode } from './node.ts'

export interface StoreOnDisk extends Subject {
  /** Kills what writes the store's files, and puts these back to what was synced. False if the writes are not recorded. */
  losePower(): boolean
  restart(): Promise<void>
  readonly isDiskFull: boolean
  /** From here on what it writes is refused. False if its writes do not pass through the lab. */
  fillDisk(): Promise<boolean>
  /** Gives the room back, and resolves to whether the store takes changes again. */
  freeDisk(): Promise<boolean>
  /** Since the disk was filled. */
  refusedWrites(): number
}

/** A database that is a file: its processes are the nodes. */
export class StoreFile implements StoreOnDisk {
  readonly name = STORE
  readonly #nodes: readonly ClusterNode[]
  readonly #power: Power

  constructor(nodes: readonly ClusterNode[], power: Power) {
    this.#nodes = nodes
    this.#power = power
  }

  /** Of the first node: all of them die and come back. */
  get pid(): number | undefined {
    return this.#nodes[0]?.pid
  }

  get life(): NodeLife {
    return this.#nodes.every(({ life }) => life === 'up') ? 'up' : 'down'
  }

  losePower(): boolean {
    this.#power.lose(this.#nodes.flatMap(({ pid }) => pid ?? []))
    return true
  }

  get isDiskFull(): boolean {
    return this.#power.isDiskFull
  }

  fillDisk(): Promise<boolean> {
    this.#power.fillDisk()
    return Promise.resolve(true)
  }

  /** SQLite tries anew with each change. */
  freeDisk(): Promise<boolean> {
    this.#power.freeDisk()
    return Promise.resolve(true)
  }

  refusedWrites(): number {
    return this.#power.refusedWrites()
  }

  async restart(): Promise<void> {
    await Promise.all(this.#nodes.map(({ keeper }) => keeper.start()))
  }
}
