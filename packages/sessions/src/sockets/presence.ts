/**
 * Which members are here, and what they last did, across the nodes of a store: small states that no store has to keep. Each node
 * writes those of its own members into a record of its own, and reads those of the other nodes, at most ten times a second, and not at
 * all while it has no members. Which nodes there are stands in one more record.
 */
import type { Clock } from '../clock.ts'
import type { SessionKey, SessionRecord, SessionStore } from '../contract.ts'
import { SessionError } from '../errors.ts'
import { checkedOptions, type Rules, take } from '../options.ts'
import { auxiliaryKey, newSecret } from '../secrets/id.ts'
import { SOCKET_ACCESS, type SocketLayer } from '../socket-access.ts'

export interface PresenceOptions<State> {
  /** Tells it from others over the same store. */
  readonly name: string
  /** Called at most ten times a second, after something has changed. */
  readonly onChange?: (members: ReadonlyMap<string, State>) => void
  /** How many members of this node are shown. Default 1,000. */
  readonly membersMax?: number
  /** What `onChange` threw, and any error of the store that is no outage. The next round tries again. */
  readonly onError?: (error: unknown) => void
}

export interface Presence<State> {
  /** Those of all nodes, by their names, as far as is known here. */
  readonly members: ReadonlyMap<string, State>
  /** A member of this node is here, or has another state, which is JSON. False if there is no room for another member. */
  show(member: string, state: State): boolean
  hide(member: string): void
  close(): void
}

const ROUND_MS = 100
/** A node without news writes so often that it is there, and where no node has news, they look no more often. */
const BEAT_MS = 300
/** A node that has written nothing for so long is gone. */
const GONE_MS = 900
const ROSTER_ROUND_MS = 500
const ROSTER_RENEWED_MS = 5_000
/** A node whose record has not changed for so long is taken off the list. */
const ROSTER_KEPT_MS = 10_000
/** So far may a node's clock be behind the store's. */
const RECORD_MS = 60 * 60_000

const rules: Rules<PresenceOptions<unknown>> = {
  name: take.text,
  onChange: take.function,
  membersMax: take.wholeNumber(1),
  onError: take.function,
}

export function presence<State>(layer: SocketLayer, given: PresenceOptions<State>): Presence<State> {
  const options = checkedOptions('presence()', given, rules as Rules<PresenceOptions<State>>)
  const { store, clock } = layer[SOCKET_ACCESS].engine
  return new SharedPresence(options, store, clock)
}

interface OtherNode<State> {
  /** Undefined before the first read: whether its node lives shows the next change. */
  version: number | undefined
  body: string | undefined
  /** When it last wrote, by this node's clock. */
  newsAtMs: number
  /** As of the last read, it has written nothing for so long that it is taken off the list of nodes. */
  isGone: boolean
  members: readonly (readonly [member: string, state: State])[]
}

class SharedPresence<State> implements Presence<State> {
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #onChange: (members: ReadonlyMap<string, State>) => void
  readonly #membersMax: number
  readonly #onError: (error: unknown) => void
  readonly #node = newSecret()
  readonly #name: string
  readonly #own: OwnRecord
  readonly #local = new Map<string, State>()
  readonly #others = new Map<string, OtherNode<State>>()
  #members = new Map<string, State>()
  #isChanged = false
  #isUnwritten = false
  #writtenAtMs = -Infinity
  #rosterAtMs = -Infinity
  #isInRound = false
  #roundAtMs = -Infinity
  #dueAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(
    { name, onChange = () => {}, membersMax = 1_000, onError = () => {} }: PresenceOptions<State>,
    store: SessionStore,
    clock: Clock,
  ) {
    this.#store = store
    this.#clock = clock
    this.#onChange = onChange
    this.#membersMax = membersMax
    this.#onError = onError
    this.#name = name
    this.#own = new OwnRecord(store, clock, this.#keyOf(this.#node))
  }

  get members(): ReadonlyMap<string, State> {
    return this.#members
  }

  show(member: string, state: State): boolean {
    if (this.#isClosed || (this.#local.size >= this.#membersMax && !this.#local.has(member))) return false
    this.#local.set(member, state)
    this.#changed()
    return true
  }

  hide(member: string): void {
    if (this.#local.delete(member)) this.#changed()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#local.clear()
  }

  #changed(): void {
    this.#isUnwritten = true
    this.#isChanged = true
    // A round under way looks at its end.
    if (!this.#isInRound) this.#nextRoundIn(ROUND_MS)
  }

  /** Counted from the last one. */
  #nextRoundIn(ms: number): void {
    const dueAtMs = this.#roundAtMs + ms
    if (this.#timer !== undefined && this.#dueAtMs <= dueAtMs) return
    clearTimeout(this.#timer)
    this.#dueAtMs = dueAtMs
    this.#timer = setTimeout(() => void this.#round(), Math.max(0, dueAtMs - performance.now()))
  }

  async #round(): Promise<void> {
    this.#isInRound = true
    this.#roundAtMs = performance.now()
    this.#timer = undefined
    await this.#exchange()
    this.#isInRound = false
    if (this.#isClosed) return
    const hasNews = this.#isChanged || this.#isUnwritten
    try {
      if (this.#isChanged) this.#publish()
    } catch (error) {
      this.#onError(error)
    }
    if (this.#local.size > 0 || this.#isUnwritten) return this.#nextRoundIn(hasNews ? ROUND_MS : BEAT_MS)
    this.#others.clear()
    this.#rosterAtMs = -Infinity
  }

  #publish(): void {
    this.#isChanged = false
    const members = new Map<string, State>()
    for (const { members: theirs } of this.#others.values())
      for (const [name, state] of theirs) members.set(name, state)
    for (const [name, state] of this.#local) members.set(name, state)
    this.#members = members
    this.#onChange(members)
  }

  /** With a store that is out, others are gone after a while, and the next round tries again. */
  async #exchange(): Promise<void> {
    await Promise.all([this.#tried(this.#write()), this.#tried(this.#findNodes())])
    await Promise.all([...this.#others].map(([node, other]) => this.#tried(this.#read(node, other))))
    for (const other of this.#others.values()) {
      const { newsAtMs, members } = other
      if (members.length === 0 || performance.now() - newsAtMs < GONE_MS) continue
      // Its version stays known, or the list of nodes would bring the members of a dead node back.
      other.members = []
      this.#isChanged = true
    }
  }

  async #write(): Promise<void> {
    const nowMs = performance.now()
    if (!this.#isUnwritten && nowMs - this.#writtenAtMs < BEAT_MS) return
    this.#isUnwritten = false
    this.#writtenAtMs = nowMs
    await this.#own.put(JSON.stringify([...this.#local])).catch((error: unknown) => {
      this.#isUnwritten = true
      throw error
    })
  }

  async #read(node: string, other: OtherNode<State>): Promise<void> {
    const record = await this.#store.read(this.#keyOf(node))
    const { version = 0, body } = record ?? {}
    const nowMs = performance.now()
    if (other.version === undefined || version === other.version) {
      other.version = version
      other.isGone = nowMs - other.newsAtMs > ROSTER_KEPT_MS
      return
    }
    const isSame = body === other.body && other.members.length > 0
    Object.assign(other, { version, body, newsAtMs: nowMs, isGone: false })
    if (isSame) return
    other.members = parsed(record) as typeof other.members
    this.#isChanged = true
  }

  /** Joins the list of nodes, learns of those that others have joined, and takes off those that are gone: no two clocks are compared. */
  async #findNodes(): Promise<void> {
    if (performance.now() - this.#rosterAtMs < ROSTER_ROUND_MS) return
    const key = auxiliaryKey(`presence ${this.#name}`)
    const record = await this.#store.read(key)
    const nowMs = this.#clock.now()
    const roster = parsed(record) as Roster
    const listed = new Set(roster.map(([node]) => node))
    listed.delete(this.#node)
    for (const node of this.#others.keys()) if (!listed.has(node)) this.#forget(node)
    for (const node of listed) if (!this.#others.has(node)) this.#others.set(node, unknownNode())
    const own = roster.find(([node]) => node === this.#node)
    if (own === undefined || own[1] < nowMs - ROSTER_RENEWED_MS) {
      const others = roster.filter(([node]) => this.#others.get(node)?.isGone === false)
      const body = JSON.stringify([...others, [this.#node, nowMs]])
      const expectedVersion = record?.version ?? 0
      // Another node may be faster: this one tries again in the next round.
      const { status } = await this.#store.write(key, { expectedVersion, expiresAtMs: nowMs + RECORD_MS, body })
      if (status !== 'written') return
    }
    this.#rosterAtMs = performance.now()
  }

  #forget(node: string): void {
    if ((this.#others.get(node)?.members.length ?? 0) > 0) this.#isChanged = true
    this.#others.delete(node)
  }

  /** An outage of the store is told by the store. */
  async #tried(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      if (!(error instanceof SessionError)) this.#onError(error)
    })
  }

  #keyOf(node: string): SessionKey {
    return auxiliaryKey(`presence ${this.#name} ${node}`)
  }
}

/** With when each wrote itself there: by its own clock, and only it compares that. */
type Roster = readonly (readonly [node: string, atMs: number])[]

function unknownNode(): OtherNode<never> {
  return { version: undefined, body: undefined, newsAtMs: performance.now(), isGone: false, members: [] }
}

/** A record that only this process writes. */
class OwnRecord {
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #key: SessionKey
  #version = 0

  constructor(store: SessionStore, clock: Clock, key: SessionKey) {
    this.#store = store
    this.#clock = clock
    this.#key = key
  }

  async put(body: string): Promise<void> {
    const expiresAtMs = this.#clock.now() + RECORD_MS
    const result = await this.#store.write(this.#key, { expectedVersion: this.#version, expiresAtMs, body })
    if (result.status === 'written') this.#version = result.version
    // A write without an answer was carried out, or the record has expired.
    else this.#version = result.status === 'conflict' ? result.current.version : 0
  }
}

/** Pairs; none for a record that is absent or damaged. */
function parsed(record: SessionRecord | undefined): readonly [unknown, unknown][] {
  try {
    const value: unknown = record === undefined ? [] : JSON.parse(record.body)
    return (Array.isArray(value) ? value : []).filter((pair): pair is [unknown, unknown] => Array.isArray(pair))
  } catch {
    return []
  }
}
