/**
 * The last decisions of each kind, with their reasons, for an operator who asks why a request failed or went to that upstream. Each kind
 * has a ring buffer of its own, so that frequent decisions don't evict rare ones. Slots are allocated once and overwritten, since every
 * request notes one.
 */

export const DECISION_KINDS = ['routing', 'failure', 'queue', 'health', 'admin'] as const

export type DecisionKind = (typeof DECISION_KINDS)[number]

export interface Decision {
  readonly at: string
  readonly kind: DecisionKind
  readonly requestId?: string
  readonly upstream?: string
  /** What was decided, in a word. */
  readonly decision: string
  readonly because?: string
}

export interface Decisions {
  /** Each may be absent. */
  note(
    kind: DecisionKind,
    decision: string,
    requestId: string | undefined,
    upstream: string | undefined,
    because: string | undefined,
  ): void
  /** The newest first. */
  latest(limit: number, kind?: DecisionKind): Decision[]
}

export const DECISIONS_MAX = 1_000

interface Slot {
  /** 0 while it was never used. */
  number: number
  atMs: number
  decision: string
  requestId: string | undefined
  upstream: string | undefined
  because: string | undefined
}

export function decisions(nowMs: () => number = Date.now): Decisions {
  const rings = Object.fromEntries(DECISION_KINDS.map((kind) => [kind, ring()])) as Record<DecisionKind, Slot[]>
  const next = Object.fromEntries(DECISION_KINDS.map((kind) => [kind, 0])) as Record<DecisionKind, number>
  let noted = 0
  return {
    note(kind, decision, requestId, upstream, because) {
      const slot = rings[kind][next[kind]]
      if (slot === undefined) return
      next[kind] = (next[kind] + 1) % DECISIONS_MAX
      noted += 1
      slot.number = noted
      slot.atMs = nowMs()
      slot.decision = decision
      slot.requestId = requestId
      slot.upstream = upstream
      slot.because = because
    },
    latest(limit, kind) {
      const kinds = kind === undefined ? DECISION_KINDS : [kind]
      return kinds
        .flatMap((each) => rings[each].filter(({ number }) => number > 0).map((slot) => ({ slot, kind: each })))
        .sort((left, right) => right.slot.number - left.slot.number)
        .slice(0, limit)
        .map(({ slot, kind }) => told(slot, kind))
    },
  }
}

/** Several processes' decisions as one list. */
export function mergedDecisions(lists: readonly (readonly Decision[])[], limit: number): Decision[] {
  return lists
    .flat()
    .sort((left, right) => (left.at < right.at ? 1 : left.at > right.at ? -1 : 0))
    .slice(0, limit)
}

function ring(): Slot[] {
  return Array.from({ length: DECISIONS_MAX }, unused)
}

function unused(): Slot {
  return { number: 0, atMs: 0, decision: '', requestId: undefined, upstream: undefined, because: undefined }
}

function told({ atMs, decision, requestId, upstream, because }: Slot, kind: DecisionKind): Decision {
  return {
    at: new Date(atMs).toISOString(),
    kind,
    ...(requestId === undefined ? {} : { requestId }),
    ...(upstream === undefined ? {} : { upstream }),
    decision,
    ...(because === undefined ? {} : { because }),
  }
}
