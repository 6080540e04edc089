/** What the charts show: a row a second, single operations, and the spans in which something was broken. */
import {
  type Beat,
  type ClusterState,
  lifeOf,
  type NodeState,
  OP_FIELDS,
  OUTCOMES,
  sumRecent,
} from '@ninelives/history'
import type { Message } from './moment.ts'

export interface Span {
  /** A node, `store` or `edges`. */
  readonly lane: string
  /** A node's state, or the kind of a fault. */
  readonly kind: string
  readonly fromMs: number
  /** Absent while it lasts. */
  toMs?: number
}

const SECONDS_MAX = 14_400
const SPANS_MAX = 2_000
const POINTS_MAX = 60_000
/** The newest operations are all kept for longer than a minute. */
const OLDER_SHARE = 0.75
/** Single operations of one beat that are shown: all that failed, and some of the others. */
const POINTS_PER_BEAT = 40

export class Chronicle {
  readonly atMs: number[] = []
  readonly offered: number[] = []
  readonly ok: number[] = []
  /** Null for a second without answers. */
  readonly p50: (number | null)[] = []
  readonly p99: (number | null)[] = []
  /** Sums from the beginning. */
  readonly out: number[] = []
  readonly lost: number[] = []
  /** Single operations: the end, the milliseconds since the due time, the outcome. */
  readonly pointAtMs: number[] = []
  readonly pointMs: number[] = []
  readonly pointOutcome: number[] = []
  spans: Span[] = []
  /** When the cluster served first. */
  readyAtMs: number | undefined

  clear(): void {
    for (const column of [...this.#columns, ...this.#points]) column.length = 0
    this.spans = []
    this.readyAtMs = undefined
  }

  add(message: Message, after: ClusterState): void {
    if (message.type === 'beat') this.#addPoints(message.beat)
    if (message.type === 'state') this.#addRecent(after)
    if (after.phase === 'ready') this.readyAtMs ??= message.atMs
    if (message.type === 'state' || message.type === 'event') this.#setSpans(message.atMs, after)
    if (message.type !== 'event' || message.event.type !== 'users-second') return
    const { latencyMs, ...second } = message.event
    this.#addRow(message.atMs, { ...second, p99Ms: latencyMs.p99 }, after, latencyMs.p50)
  }

  /** The last row up to that time; -1 if there is none. */
  rowAt(ms: number): number {
    return this.atMs.findLastIndex((atMs) => atMs <= ms)
  }

  get #columns(): readonly (number | null)[][] {
    return [this.atMs, this.offered, this.ok, this.p50, this.p99, this.out, this.lost]
  }

  get #points(): readonly number[][] {
    return [this.pointAtMs, this.pointMs, this.pointOutcome]
  }

  /** The last seconds before the page was opened. Their sums end at the totals, which count from the beginning. */
  #addRecent(state: ClusterState): void {
    const { totals, recent } = state.users
    const { loggedOut, lost } = sumRecent(state.users, recent.length)
    const sums = { out: totals.loggedOut - loggedOut, lost: totals.lost - lost }
    for (const second of recent) this.#addRow(second.atMs, second, state, 0, sums)
  }

  #addRow(
    atMs: number,
    { ok, p99Ms, loggedOut, lost }: { ok: number; p99Ms: number; loggedOut: number; lost: number },
    { users }: ClusterState,
    p50: number,
    before = { out: 0, lost: 0 },
  ): void {
    this.atMs.push(atMs)
    this.offered.push(users.rate)
    this.ok.push(ok)
    this.p50.push(p50 === 0 ? null : p50)
    this.p99.push(p99Ms === 0 ? null : p99Ms)
    this.out.push((this.out.at(-1) ?? before.out) + loggedOut)
    this.lost.push((this.lost.at(-1) ?? before.lost) + lost)
    if (this.atMs.length > SECONDS_MAX * 1.2) for (const column of this.#columns) column.splice(0, SECONDS_MAX * 0.2)
  }

  #addPoints({ atMs, ops }: Beat): void {
    const step = Math.max(1, Math.ceil(ops.length / OP_FIELDS / POINTS_PER_BEAT))
    for (let at = 0, n = 0; at < ops.length; at += OP_FIELDS, n++) {
      const outcome = (ops[at + 2] ?? 0) % OUTCOMES.length
      if (outcome === 0 && n % step !== 0) continue
      this.pointAtMs.push(atMs - (ops[at + 3] ?? 0))
      this.pointMs.push(ops[at + 4] ?? 0)
      this.pointOutcome.push(outcome)
    }
    if (this.pointAtMs.length > POINTS_MAX) this.#thin()
  }

  /** Of the older operations that were answered every other one goes, so that the whole run stays in sight. */
  #thin(): void {
    const end = this.pointAtMs.length
    const older = Math.floor(end * OLDER_SHARE)
    let kept = 0
    let answered = 0
    for (let at = 0; at < end; at++) {
      if (at < older && this.pointOutcome[at] === 0 && answered++ % 2 === 1) continue
      for (const column of this.#points) column[kept] = column[at] ?? 0
      kept++
    }
    // So many may have failed that thinning is not enough.
    const tooMany = Math.max(0, kept - POINTS_MAX * OLDER_SHARE)
    for (const column of this.#points) {
      column.length = kept
      column.splice(0, tooMany)
    }
  }

  #setSpans(atMs: number, state: ClusterState): void {
    const now = conditions(state)
    const open = this.spans.filter(({ toMs }) => toMs === undefined)
    for (const span of open) {
      const goesOn = now.findIndex(({ lane, kind }) => lane === span.lane && kind === span.kind)
      if (goesOn === -1) span.toMs = atMs
      else now.splice(goesOn, 1)
    }
    this.spans.push(...now.map((condition) => Object.assign({ fromMs: atMs }, condition)))
    if (this.spans.length > SPANS_MAX) this.spans.splice(0, SPANS_MAX / 10)
  }
}

/** What is broken now. */
function conditions({ phase, nodes, faults }: ClusterState): Pick<Span, 'lane' | 'kind'>[] {
  if (phase !== 'ready') return []
  const ofNodes = nodes.flatMap((node) => {
    const kind = conditionOf(node)
    return kind === undefined ? [] : [{ lane: node.name, kind }]
  })
  const ofFaults = faults.flatMap(({ kind, target, confirmedAtMs }) => {
    if (confirmedAtMs === undefined || shownByState.has(kind))
      return target === 'store' ? [{ lane: 'store', kind }] : []
    if (target.includes('>')) return [{ lane: 'edges', kind }]
    return target.split(',').map((lane) => ({ lane, kind }))
  })
  return [...ofNodes, ...ofFaults]
}

const shownByState: ReadonlySet<string> = new Set(['kill', 'crash', 'drain', 'pause'])

function conditionOf(node: NodeState): string | undefined {
  const life = lifeOf(node)
  if (life !== 'up') return life
  return node.ejected ? 'unused' : undefined
}
