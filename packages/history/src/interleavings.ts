/**
 * How often the hard interleavings occurred in a run. The absence of anomalies says little about one that never did. Each is judged
 * from outside, by what the users and the lab saw.
 */
import type { Done } from './ledger/visit.ts'
import { StorePrimary } from './store-primary.ts'
import type {
  FaultInjected,
  NodeDown,
  NodeStarting,
  OperationEnded,
  OperationSent,
  ProgramVersion,
  TraceEvent,
} from './trace/events.ts'

/** By name, with what happened in words that follow a number of times. */
export const INTERLEAVINGS = {
  'request-on-dying-node': 'a request under way on a node that died',
  'move-on-dying-node': 'a move over a WebSocket under way on a node that died',
  'crash-after-commit': 'a crash between commit and answer',
  'retry-across-rotation': 'a login sent again after its node died',
  'write-before-death': 'a write acknowledged in the last 100 ms before its node or the store died',
  'change-while-away': 'a session changed while a node was down, and used on that node afterwards',
  'from-other-version': 'a session changed on the other version, and used on this one afterwards',
  'to-other-version': 'a session changed on this version, and used on the other one afterwards',
  'faults-at-once': 'a fault that landed while another one stood',
  'two-tabs-at-once': 'writes of two tabs to one session under way at once',
  'logout-during-write': 'a logout while another tab wrote',
  'read-during-logout': 'a read while the session ended, which could fill a copy again',
} as const

export type InterleavingName = keyof typeof INTERLEAVINGS

export interface Interleaving {
  readonly name: InterleavingName
  readonly times: number
  /** The run is only valid if it occurred. */
  readonly isRequired: boolean
}

export function isInterleaving(name: string): name is InterleavingName {
  return Object.hasOwn(INTERLEAVINGS, name)
}

/** An operation that has not ended yet, or was under way at the same time as one. */
interface UnderWay {
  readonly sent: OperationSent
  /** Acknowledged writes of other tabs that it met, or that have not ended. */
  readonly met: UnderWay[]
  isAcknowledged: boolean
}

/** The end of a process, between its order and the time at which it was seen. */
interface Death {
  /** Undefined: the store, which all nodes use. */
  readonly node: string | undefined
  /** Whether it was sudden: an exit after a drain is none. */
  readonly isSudden: boolean
  /** Ordered by a crash point, which a request reaches some time after the order. */
  readonly isCrash: boolean
  readonly fromMs: number
  readonly atMs: number
  /** The process was up again. */
  upAtMs: number | undefined
}

/** A user's last acknowledged change in a visit. */
interface Change {
  readonly visit: number
  readonly atMs: number
  readonly version: ProgramVersion | undefined
  /** The deaths that it was counted for. */
  readonly counted: Set<Death>
  /** It was counted as used on the other version. */
  hasCrossed: boolean
}

/** The versions of a node, the latest first. */
type VersionsOf = readonly { readonly version: ProgramVersion; readonly fromMs: number }[]

const LAST_WRITES_MS = 100
/** A crash is seen at most this long after it happened. */
const SEEN_WITHIN_MS = 1_000
/** An operation is reported at most this long after its end. */
const REPORTED_WITHIN_MS = 10_000
/** Orders that a process may still die of. */
const ORDERS_MAX = 100
const WRITES: ReadonlySet<string> = new Set(['put', 'count', 'move'])
/** They show their change in every later answer. */
const CHANGES: ReadonlySet<string> = new Set(['put', 'move'])
const ON_SOCKET: ReadonlySet<string> = new Set(['hello', 'move', 'linger'])
/** They need nodes of two versions. */
const OF_VERSIONS: ReadonlySet<InterleavingName> = new Set(['from-other-version', 'to-other-version'])
/** Of a node: an operation is reported before its node has started so many times more. */
const VERSIONS_MAX = 8
const AFTER_COMMIT = 'after-commit'
const AFTER_RESPONSE = 'after-response'

export class Interleavings {
  readonly #times = new Map<InterleavingName, number>()
  readonly #primary = new StorePrimary()
  #required: readonly string[] = []
  /** By user. */
  readonly #underWay = new Map<string, UnderWay[]>()
  /** The faults that landed and are not healed. */
  readonly #ongoing = new Set<string>()
  /** The crash points of faults, by fault. */
  readonly #points = new Map<string, string>()
  /** The last fault on each node and the store. */
  readonly #ordered = new Map<string, { readonly atMs: number; readonly isCrash: boolean }>()
  #deaths: Death[] = []
  /** Each node's last death. */
  readonly #last = new Map<string, Death>()
  /** The last operations that ended, as a death may be reported after them. */
  #lately: Done[] = []
  /** By user. */
  readonly #changes = new Map<string, Change>()
  /** By node, in a run with two versions. */
  readonly #versions = new Map<string, VersionsOf>()

  take(event: TraceEvent): void {
    if (event.type === 'run-started') this.#required = event.requires ?? []
    if (event.type === 'operation-sent') this.#sent(event)
    if (event.type === 'fault-injected') this.#order(event)
    if (event.type === 'fault-confirmed') this.#confirmed(event.fault)
    if (event.type === 'fault-healed') this.#ongoing.delete(event.fault)
    if (event.type === 'node-starting') this.#starts(event)
    if (event.type === 'node-down') this.#died(event.node, event)
    if (this.#primary.take(event).includes('down'))
      this.#died(undefined, event.type === 'process-down' ? event : { atMs: event.atMs, signal: 'SIGKILL' })
    if (event.type !== 'node-up') return
    const death = this.#last.get(event.node)
    if (death !== undefined) death.upAtMs ??= event.atMs
  }

  ended(done: Done): void {
    const { sent, ended } = done
    this.#end(sent, ended)
    for (const death of this.#deaths) this.#compare(done, death)
    this.#lately.push(done)
    const isLate = ({ ended: { endedAtMs } }: Done): boolean => endedAtMs < ended.endedAtMs - 2 * LAST_WRITES_MS
    if (this.#lately.length > 64 && this.#lately.some(isLate))
      this.#lately = this.#lately.filter((each) => !isLate(each))
    if (ended.outcome === 'ok') this.#used(sent, ended)
  }

  /** All that this run could have, also those that never occurred. */
  get all(): readonly Interleaving[] {
    return (Object.keys(INTERLEAVINGS) as InterleavingName[])
      .map((name) => ({ name, times: this.#times.get(name) ?? 0, isRequired: this.#required.includes(name) }))
      .filter(({ name, isRequired }) => isRequired || !OF_VERSIONS.has(name) || this.#versions.size > 0)
  }

  doubts(): string[] {
    return this.#required.flatMap((name) => {
      if (!isInterleaving(name)) return [`the run requires "${name}", which this program does not know`]
      if ((this.#times.get(name) ?? 0) > 0) return []
      return [`${INTERLEAVINGS[name]} never occurred; prove --require ${name} goes on until it has`]
    })
  }

  #add(name: InterleavingName): void {
    this.#times.set(name, (this.#times.get(name) ?? 0) + 1)
  }

  #sent(sent: OperationSent): void {
    const present = this.#underWay.get(sent.user) ?? []
    const others = present.filter((other) => other.sent.visit === sent.visit && other.sent.tab !== sent.tab)
    const own: UnderWay = { sent, met: [], isAcknowledged: false }
    for (const other of others) {
      if (WRITES.has(sent.kind) && WRITES.has(other.sent.kind)) {
        own.met.push(other)
        other.met.push(own)
      }
      const kinds = [sent.kind, other.sent.kind]
      if (!kinds.includes('logout')) continue
      if (kinds.some((kind) => WRITES.has(kind))) this.#add('logout-during-write')
      if (kinds.includes('read')) this.#add('read-during-logout')
    }
    // A tab has one operation at a time: what it sent before and has no end is forgotten.
    this.#underWay.set(sent.user, [...present.filter((other) => other.sent.tab !== sent.tab), own])
  }

  #end(sent: OperationSent, { outcome }: OperationEnded): void {
    const present = this.#underWay.get(sent.user) ?? []
    const own = present.find((each) => each.sent.op === sent.op)
    if (own === undefined) return
    this.#underWay.set(
      sent.user,
      present.filter((each) => each !== own),
    )
    own.isAcknowledged = outcome === 'ok'
    if (own.isAcknowledged) for (const other of own.met) if (other.isAcknowledged) this.#add('two-tabs-at-once')
    own.met.length = 0
  }

  /** The request that reaches a crash point is under way there. */
  #confirmed(fault: string): void {
    if (this.#ongoing.size > 0) this.#add('faults-at-once')
    this.#ongoing.add(fault)
    const point = this.#points.get(fault)
    if (point === AFTER_COMMIT) this.#add('crash-after-commit')
    if (point !== undefined && point !== AFTER_RESPONSE) this.#add('request-on-dying-node')
  }

  #order({ fault, target, point, atMs }: FaultInjected & { readonly atMs: number }): void {
    if (point !== undefined) this.#points.set(fault, point)
    for (const name of target.split(',')) {
      this.#ordered.delete(name)
      this.#ordered.set(name, { atMs, isCrash: point !== undefined })
    }
    for (const name of this.#ordered.keys()) if (this.#ordered.size > ORDERS_MAX) this.#ordered.delete(name)
  }

  #died(node: string | undefined, { atMs, signal }: Pick<NodeDown, 'signal'> & { readonly atMs: number }): void {
    const order = this.#ordered.get(node ?? 'store')
    this.#ordered.delete(node ?? 'store')
    const fromMs = Math.max(order?.atMs ?? atMs, atMs - SEEN_WITHIN_MS)
    const isCrash = order?.isCrash === true
    const death: Death = { node, isSudden: signal !== null, isCrash, fromMs, atMs, upAtMs: undefined }
    this.#deaths = [...this.#deaths.filter((each) => each.atMs > atMs - REPORTED_WITHIN_MS), death]
    if (node !== undefined) this.#last.set(node, death)
    for (const done of this.#lately) this.#compare(done, death)
  }

  #compare({ sent, ended }: Done, { node, isSudden, isCrash, fromMs, atMs }: Death): void {
    if (!isSudden) return
    const isRetried = (ended.attempts ?? 1) > 1
    // What was sent after a kill may have been refused, and so never been there.
    const isThere = sent.sentAtMs <= (isCrash ? atMs : fromMs) && ended.endedAtMs >= fromMs
    if (node !== undefined && isThere) {
      const wasMet = isRetried || ended.outcome === 'unknown'
      if (wasMet && sent.kind === 'move') this.#add('move-on-dying-node')
      if (wasMet && !isCrash && !ON_SOCKET.has(sent.kind)) this.#add('request-on-dying-node')
      if (isRetried && sent.kind === 'login' && ended.outcome === 'ok') this.#add('retry-across-rotation')
    }
    if (!CHANGES.has(sent.kind) || ended.outcome !== 'ok' || (node !== undefined && ended.node !== node)) return
    if (ended.endedAtMs <= atMs && ended.endedAtMs > atMs - LAST_WRITES_MS) this.#add('write-before-death')
  }

  #starts({ node, version, atMs }: NodeStarting & { readonly atMs: number }): void {
    if (version === undefined) return
    const before = this.#versions.get(node) ?? []
    this.#versions.set(node, [{ version, fromMs: atMs }, ...before].slice(0, VERSIONS_MAX))
  }

  #versionAt(node: string | undefined, atMs: number): ProgramVersion | undefined {
    return node === undefined ? undefined : this.#versions.get(node)?.find(({ fromMs }) => fromMs <= atMs)?.version
  }

  #used({ user, visit, kind, sentAtMs }: OperationSent, { node, endedAtMs }: OperationEnded): void {
    const change = this.#changes.get(user)
    const isSame = change?.visit === visit
    const death = node === undefined ? undefined : this.#last.get(node)
    if (isSame && death?.upAtMs !== undefined && sentAtMs > death.upAtMs && !change.counted.has(death)) {
      change.counted.add(death)
      if (change.atMs > death.atMs && change.atMs < death.upAtMs) this.#add('change-while-away')
    }
    const version = this.#versionAt(node, endedAtMs)
    const isOther = version !== undefined && change?.version !== undefined && version !== change.version
    if (isSame && isOther && sentAtMs > change.atMs && !change.hasCrossed) {
      change.hasCrossed = true
      this.#add(version === 'this' ? 'from-other-version' : 'to-other-version')
    }
    if (!CHANGES.has(kind)) return
    const counted = isSame ? change.counted : new Set<Death>()
    this.#changes.set(user, { visit, atMs: endedAtMs, version, counted, hasCrossed: false })
  }
}
