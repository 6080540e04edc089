/** Which nodes are paused, dead or cut off, so that a run knows which operations must succeed; and how to heal all. */
import type { RefusedOperation } from './clients.ts'
import type { Cluster } from './cluster.ts'
import { hasCopies } from './demand.ts'
import type { Fault, Script } from './script.ts'

/** The mesh is stable so long after the last fault. */
export const CALM_MS = 1_000
/** A node may be suspected that is paused for so long. */
const SILENT_MS = 250

type Cut = Extract<Fault, { kind: 'cut' }>

interface Moment {
  readonly atMs: number
  readonly unwell: readonly number[]
}

export class Afflictions {
  readonly #script: Script
  readonly #cluster: Cluster
  readonly #moments: Moment[] = [{ atMs: 0, unwell: [] }]
  /** By node, how many cuts touch it. */
  readonly #cuts: number[]
  readonly #unwellAtMs: number[]
  readonly #cutNow = new Set<() => void>()
  #isDeep = false

  constructor(script: Script, cluster: Cluster) {
    this.#script = script
    this.#cluster = cluster
    this.#cuts = Array.from({ length: script.nodes }, () => 0)
    this.#unwellAtMs = Array.from({ length: script.nodes }, () => Number.NEGATIVE_INFINITY)
    for (const atMs of script.startsMs) cluster.time.at(atMs, () => this.disturbed())
  }

  disturbed(): void {
    const unwell = this.#script.startsMs.flatMap((_, node) => (this.#isWell(node) ? [] : [node]))
    const { nowMs } = this.#cluster.time
    for (const node of unwell) this.#unwellAtMs[node] = nowMs
    const isAtStart = this.#script.startsMs.some((atMs) => nowMs <= atMs)
    // So many lost their votes that only all names together can decide a view.
    if (!isAtStart && unwell.length > this.#script.nodes - this.#majority()) this.#isDeep = true
    this.#moments.push({ atMs: nowMs, unwell })
  }

  start(node: number): void {
    this.#cluster.start(node)
    this.disturbed()
  }

  cut({ ways, isLost, isRefused, forMs }: Cut): void {
    const { network, time } = this.#cluster
    const blocked = ways.filter(([from, to]) => !network.isBlocked(from, to))
    const touched = new Set(blocked.flat())
    for (const [from, to] of blocked) {
      network.block(from, to)
      if (isRefused) network.reset(from, to)
    }
    for (const node of touched) this.#cuts[node] = (this.#cuts[node] ?? 0) + 1
    this.disturbed()
    const heal = (): void => {
      if (!this.#cutNow.delete(heal)) return
      this.disturbed()
      for (const [from, to] of blocked) network.unblock(from, to, isLost)
      for (const node of touched) this.#cuts[node] = (this.#cuts[node] ?? 0) - 1
      this.disturbed()
    }
    this.#cutNow.add(heal)
    time.after(forMs, heal)
  }

  slow(node: number, other: number, byMs: number, forMs: number): void {
    const { network, time } = this.#cluster
    network.slow(node, other, byMs)
    this.disturbed()
    time.after(forMs, () => {
      network.slow(node, other, 0)
      this.disturbed()
    })
  }

  /**
   * There is no sign that a view without this node may be decided. Where every node has everything, links to all others are
   * enough: two may die then, or one beside a pause; but not two while the third is being cut off, or silent for long.
   */
  keepsPlace(node: number): boolean {
    if (this.#cluster.pausedMs(node) > SILENT_MS) return false
    const { nowMs } = this.#cluster.time
    if (this.#script.copies === 'all') return this.#isReached(node)
    return this.#isWell(node) && nowMs - (this.#unwellAtMs[node] ?? 0) > CALM_MS
  }

  healAll(): void {
    const { nodes } = this.#script
    for (const heal of this.#cutNow) heal()
    for (let node = 0; node < nodes; node++) {
      for (let other = 0; other < nodes; other++) this.#cluster.network.slow(node, other, 0)
      this.#cluster.spare(node)
      this.#cluster.start(node)
    }
    this.disturbed()
  }

  /** Whether a node that refused had to serve: it and a majority were well for `CALM_MS`, or the run is at its end. */
  isToServe({ operation, node, startMs, endMs }: RefusedOperation, lastMs: number): boolean {
    if (startMs >= lastMs) return true
    if (this.#isDeep || this.#script.isBrutal) return false
    const { founders, faults } = this.#script
    // Which of the others count is known at the end only.
    if (founders !== undefined && (node >= founders || faults.length > 0)) return false
    const during = this.#moments.filter(({ atMs }) => atMs <= endMs && atMs >= startMs - CALM_MS)
    const before = this.#moments.findLast(({ atMs }) => atMs < startMs - CALM_MS)
    if (during.length > 0 || before === undefined || startMs < CALM_MS) return false
    const { unwell } = before
    const isMajority = this.#script.nodes - unwell.length >= this.#majority()
    return isMajority && !unwell.includes(node) && hasCopies(this.#script, operation, unwell.length)
  }

  #majority(): number {
    return Math.floor(this.#script.nodes / 2) + 1
  }

  #isReached(node: number): boolean {
    return this.#script.startsMs.every((_, other) => {
      return other === node || this.#cluster.peer(other) === undefined || this.#cluster.network.isUp(node, other)
    })
  }

  #isWell(node: number): boolean {
    const isAlive = this.#cluster.peer(node) !== undefined && !this.#cluster.isPaused(node)
    return isAlive && this.#cuts[node] === 0
  }
}
