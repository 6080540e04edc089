/**
 * One customer with one cookie jar and some tabs: it logs in, puts items into the cart, reads the cart, logs out after a while
 * and begins again; now and then it counts, comes back with an old cookie, or tries a made-up one. On the floor it moves its marker over
 * a socket of each tab instead, and after the logout waits for their end. It remembers what the shop
 * acknowledged. After a 401 it looks twice more before it logs in again, and after a missing item once more, so that the
 * checkers can tell a late session or item from a lost one.
 */
import { LOGGED_OUT, type OperationKind } from '@ninelives/history'
import type { ShopAnswer } from './answer.ts'
import { ask } from './send-operation.ts'
import type { Call, Client } from './client.ts'
import { CookieJar } from './cookie-jar.ts'
import { type FloorReply, FloorSocket } from './floor-socket.ts'
import type { Outcome } from './outcome.ts'
import { hundredths, type Recorder } from './recorder.ts'

export interface Operation {
  readonly outcome: Outcome
  readonly node: string | undefined
  /** A logged-in user got a 401. */
  readonly loggedOut: boolean
  /** Acknowledged items that were missing from the cart. */
  readonly lost: number
}

export interface VirtualUserOptions {
  readonly client: Pick<Client, 'call'>
  readonly recorder: Recorder
  readonly name: string
  readonly password: string
  /** Makes this run's skus unique. */
  readonly run: string
  /** Whether it sends an idempotency key with every write. */
  readonly idempotencyKeys?: boolean
  /** The share of reads among a logged-in user's operations; by default a read follows each put. */
  readonly readShare?: number
  /** It spends its visits on the floor of this shop. */
  readonly floor?: URL
}

/** The next operation of one tab. */
export interface Turn {
  readonly tab: number
  readonly dueAtMs: number
  readonly lateMs: number
  /** Makes the random choices. */
  readonly random: () => number
}

interface Asking {
  readonly kind: OperationKind
  readonly call: Call
  readonly sku?: string
  /** A jar other than the user's own; the answer's cookies are not kept. */
  readonly with?: OldCookie
}

interface OldCookie {
  readonly jar: CookieJar
  readonly visit: number
}

interface Ended {
  readonly operation: Operation
  readonly answer: ShopAnswer
  readonly sentAtMs: number
  readonly endedAtMs: number
}

type Stage = 'away' | 'entering' | 'in' | 'doubting' | 'leaving'

/** With so many items in the cart the user logs out. */
const CART_ITEMS_MAX = 20
/** After so many attempts to put, successful or not, the user logs out. */
const PUTS_MAX = 2 * CART_ITEMS_MAX
const DOUBTS_MAX = 2
const KNOCK_SHARE = 0.2
const COUNT_SHARE = 0.1
const STRANGE_SHARE = 0.1
/** Of the operations on the floor: looks, and items that are put into the cart meanwhile. */
const HELLO_SHARE = 0.1
const SHOPPING_SHARE = 0.05
const MOVES_MAX = 40
const LAST_HELLOS = 2

export class VirtualUser {
  readonly #options: VirtualUserOptions
  #jar = new CookieJar()
  /** By sku. */
  readonly #acknowledged = new Map<string, { readonly atMs: number; missed: boolean }>()
  readonly #looksNext = new Set<number>()
  #stage: Stage = 'away'
  #visit = 0
  #doubts = 0
  #knocked = false
  #intact = true
  #puts = 0
  #moves = 0
  /** The present visit's, by tab. */
  #sockets = new Map<number, FloorSocket>()
  #old: OldCookie | undefined
  #beforeLogin: OldCookie | undefined

  constructor(options: VirtualUserOptions) {
    this.#options = options
  }

  get loggedIn(): boolean {
    return this.#stage === 'in'
  }

  /** Whether no item was ever missing from the present cart. */
  get intact(): boolean {
    return this.#intact
  }

  /** Whether an acknowledged item was missing at the last look. */
  get missesSomething(): boolean {
    return [...this.#acknowledged.values()].some(({ missed }) => missed)
  }

  /** Whether it got a 401 that it checks again. */
  get isInDoubt(): boolean {
    return this.#stage === 'doubting'
  }

  get isInside(): boolean {
    return this.#stage === 'in' || this.#stage === 'doubting'
  }

  /** Chooses the next operation of that tab. */
  act(turn: Turn): Promise<Operation> {
    const { tab, random } = turn
    if (this.#stage === 'entering') return this.#strange(turn)
    if (this.#stage === 'away') return this.#enter(turn)
    // While one tab logs out, the others go on, as a write or a copy that is late must not bring the session back.
    if (this.#stage === 'leaving') return random() < 1 / 2 ? this.#change(turn) : this.look(turn)
    if (this.#stage === 'doubting' || this.#looksNext.has(tab)) return this.look(turn)
    if (this.#acknowledged.size >= CART_ITEMS_MAX || this.#puts >= PUTS_MAX) return this.#leave(turn)
    if (this.#options.floor !== undefined) return this.#moves >= MOVES_MAX ? this.#leave(turn) : this.#change(turn)
    const { readShare } = this.#options
    if (readShare !== undefined && random() < readShare) return this.look(turn)
    const choice = random()
    if (choice < COUNT_SHARE) return this.#count(turn)
    if (choice < COUNT_SHARE + STRANGE_SHARE) return this.#strange(turn)
    return this.#put(turn)
  }

  async look(turn: Turn): Promise<Operation> {
    const { operation, answer, sentAtMs } = await this.#do(turn, { kind: 'read', call: readCart })
    if (operation.outcome.end !== 'ok') return operation
    this.#looksNext.delete(turn.tab)
    const lost = this.#missing(answer, sentAtMs)
    if (lost > 0) this.#looksNext.add(turn.tab)
    return { ...operation, lost }
  }

  /** The last looks at the floor, if it is there. */
  async lookAtFloor(turn: Turn): Promise<void> {
    const { floor } = this.#options
    if (floor !== undefined && this.#stage === 'in')
      for (let hellos = 0; hellos < LAST_HELLOS; hellos++) await this.#hello(turn, floor)
  }

  /** Closes its sockets. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.close()
  }

  /** Asks one node directly, with the present cookies. */
  async copyFrom(turn: Turn, node: string, client: Client): Promise<void> {
    const jar = this.#jar.copy()
    await this.#do(turn, { kind: 'copy', call: readCart, with: { jar, visit: this.#visit } }, { node, client })
  }

  async #enter(turn: Turn): Promise<Operation> {
    this.#stage = 'entering'
    const knocks = !this.#knocked && this.#visit > 0 && turn.random() < KNOCK_SHARE
    if (!this.#knocked) this.#beginVisit()
    this.#knocked = knocks
    const operation = await (knocks ? this.#count(turn) : this.#login(turn))
    if (this.#stage === 'entering') this.#stage = 'away'
    return operation
  }

  #beginVisit(): void {
    this.#visit++
    this.#puts = 0
    this.#moves = 0
    this.close()
    this.#sockets = new Map()
    // The checkers know only the present visit and the one before, so an older cookie would show them little.
    if (!this.#isRecent(this.#old)) this.#old = undefined
    if (!this.#isRecent(this.#beforeLogin)) this.#beforeLogin = undefined
    // A new jar, so that operations in flight of the previous visit don't leave their cookie in this one.
    this.#jar = new CookieJar()
  }

  #isRecent(cookie: OldCookie | undefined): boolean {
    return cookie !== undefined && cookie.visit >= this.#visit - 1
  }

  async #login(turn: Turn): Promise<Operation> {
    const { name, password } = this.#options
    const before = this.#jar.copy()
    const call: Call = { method: 'POST', path: '/api/login', body: { name, password } }
    const { operation } = await this.#do(turn, { kind: 'login', call })
    if (operation.outcome.end !== 'ok') return operation
    this.#stage = 'in'
    this.#doubts = 0
    if (before.header() !== undefined) this.#beforeLogin = { jar: before, visit: this.#visit }
    // After a lost session the user reads first, to see what is left.
    if (this.#acknowledged.size > 0) this.#looksNext.add(turn.tab)
    return operation
  }

  #change(turn: Turn): Promise<Operation> {
    const { floor } = this.#options
    const isShopping = floor === undefined || turn.random() < SHOPPING_SHARE
    return isShopping ? this.#put(turn) : this.#play(turn, floor)
  }

  #play(turn: Turn, floor: URL): Promise<Operation> {
    const { tab, random } = turn
    const socket = this.#sockets.get(tab)
    if (socket === undefined || random() < HELLO_SHARE) return this.#hello(turn, floor)
    this.#moves++
    const step = { dx: unit(random), dy: unit(random) }
    return this.#doOnFloor(turn, 'move', socket, () => socket.move(step))
  }

  #hello(turn: Turn, floor: URL): Promise<Operation> {
    const socket = this.#sockets.get(turn.tab) ?? this.#openSocket(turn.tab, floor)
    return this.#doOnFloor(turn, 'hello', socket, () => socket.hello())
  }

  #openSocket(tab: number, target: URL): FloorSocket {
    const jar = this.#jar
    const socket = new FloorSocket({ target, cookie: () => jar.header() })
    this.#sockets.set(tab, socket)
    return socket
  }

  /** The session is over: its sockets must be. */
  async #linger(visit: number, sockets: ReadonlyMap<number, FloorSocket>): Promise<void> {
    const { recorder, name } = this.#options
    const lingering = [...sockets].map(async ([tab, socket]) => {
      const now = hundredths(recorder.now())
      const op = recorder.sent({ user: name, visit, tab, kind: 'linger', dueAtMs: now, lateMs: 0 })
      const reply = await socket.linger(recorder.now)
      const openAtMs = hundredths(reply.openAtMs)
      recorder.ended(op, { outcome: reply.end, ...(reply.end === 'ok' ? {} : { why: reply.kind }), openAtMs })
      socket.close()
    })
    await Promise.all(lingering)
  }

  async #doOnFloor(
    { tab, dueAtMs, lateMs }: Turn,
    kind: 'hello' | 'move',
    socket: FloorSocket,
    run: () => Promise<FloorReply>,
  ): Promise<Operation> {
    const { recorder, name } = this.#options
    const visit = this.#visit
    const session = this.#jar.fingerprint()
    const op = recorder.sent({
      user: name,
      visit,
      tab,
      kind,
      ...(session === undefined ? {} : { session }),
      dueAtMs,
      lateMs,
    })
    const reply = await run()
    const { end, ...rest } = reply
    const facts = 'kind' in rest ? { why: rest.kind } : rest
    recorder.ended(op, { outcome: end, ...(session === undefined ? {} : { session }), ...facts })
    if (socket.hasEnded && this.#sockets.get(tab) === socket) this.#sockets.delete(tab)
    const outcome: Outcome = reply.end === 'ok' ? { end: 'ok', body: undefined } : reply
    const loggedOut = visit === this.#visit && this.#noticeLogout(outcome, kind)
    return { outcome, node: reply.end === 'ok' ? reply.node : undefined, loggedOut, lost: 0 }
  }

  async #put(turn: Turn): Promise<Operation> {
    const { run, name } = this.#options
    const sku = `${run}.${name}.${this.#visit}.${++this.#puts}`
    const visit = this.#visit
    const call: Call = { method: 'POST', path: '/api/cart', body: { sku } }
    const { operation, answer, sentAtMs, endedAtMs } = await this.#do(turn, { kind: 'put', call, sku })
    if (visit === this.#visit && this.isInside && this.#options.readShare === undefined) this.#looksNext.add(turn.tab)
    if (operation.outcome.end !== 'ok') return operation
    if (visit === this.#visit && this.isInside) this.#acknowledged.set(sku, { atMs: endedAtMs, missed: false })
    return { ...operation, lost: this.#missing(answer, sentAtMs) }
  }

  async #count(turn: Turn): Promise<Operation> {
    return (await this.#do(turn, { kind: 'count', call: { method: 'POST', path: '/api/counter' } })).operation
  }

  async #leave(turn: Turn): Promise<Operation> {
    const visit = this.#visit
    this.#stage = 'leaving'
    const jar = this.#jar.copy()
    // Another tab may begin the next visit meanwhile, with sockets of its own.
    const sockets = this.#sockets
    this.#sockets = new Map()
    const { operation } = await this.#do(turn, { kind: 'logout', call: { method: 'POST', path: '/api/logout' } })
    // The visit is over even if the logout failed.
    this.#old = { jar, visit }
    this.#stage = 'away'
    this.#intact = true
    this.#acknowledged.clear()
    this.#looksNext.clear()
    if (operation.outcome.end === 'ok') await this.#linger(visit, sockets)
    else for (const socket of sockets.values()) socket.close()
    return operation
  }

  /** Asks with a cookie that must not open a session. */
  async #strange(turn: Turn): Promise<Operation> {
    const { random } = turn
    // A cookie from before the login shows most while that login lasts.
    const isFresh = this.#beforeLogin?.visit === this.#visit
    const returning = isFresh || random() < 1 / 2 ? (this.#beforeLogin ?? this.#old) : (this.#old ?? this.#beforeLogin)
    const forged = this.#jar.header() === undefined ? new CookieJar([['sid', 'forgery']]) : this.#jar
    const asking: Asking =
      returning === undefined || random() < 1 / 3
        ? { kind: 'forge', call: readCart, with: { jar: forged.forged(random), visit: this.#visit } }
        : { kind: 'return', call: readCart, with: returning }
    return (await this.#do(turn, asking)).operation
  }

  async #do(turn: Turn, asking: Asking, past?: { readonly node: string; readonly client: Client }): Promise<Ended> {
    const { recorder, name, run, idempotencyKeys } = this.#options
    const { kind, sku, call } = asking
    const { tab, dueAtMs, lateMs } = turn
    const visit = asking.with?.visit ?? this.#visit
    const { outcome, node, ...rest } = await ask(recorder, past?.client ?? this.#options.client, {
      user: name,
      visit,
      tab,
      kind,
      call,
      jar: asking.with?.jar.copy() ?? this.#jar,
      ...(sku === undefined ? {} : { sku }),
      ...(past === undefined ? {} : { node: past.node }),
      dueAtMs,
      lateMs,
      ...(idempotencyKeys === true ? { keyed: run } : {}),
    })
    const loggedOut = asking.with === undefined && visit === this.#visit && this.#noticeLogout(outcome, kind)
    return { operation: { outcome, node, loggedOut, lost: 0 }, ...rest }
  }

  /** Whether this answer shows that a logged-in user has lost the session. */
  #noticeLogout(outcome: Outcome, kind: OperationKind): boolean {
    const refused = outcome.end === 'failed' && outcome.kind === LOGGED_OUT
    // A count needs no login, so it shows nothing about one.
    if (this.#stage === 'doubting' && outcome.end === 'ok' && kind !== 'count') this.#stage = 'in'
    else if (this.#stage === 'doubting' && refused && ++this.#doubts >= DOUBTS_MAX) this.#stage = 'away'
    if (!refused || this.#stage !== 'in') return false
    this.#stage = 'doubting'
    this.#doubts = 0
    return true
  }

  /** How many acknowledged items are newly missing. */
  #missing({ items = [] }: ShopAnswer, beforeMs: number): number {
    const there = new Set(items.map(([sku]) => sku))
    let gone = 0
    for (const [sku, thing] of this.#acknowledged) {
      const isMissing = !there.has(sku)
      if (isMissing && (thing.missed || thing.atMs >= beforeMs)) continue
      if (isMissing) gone++
      thing.missed = isMissing
    }
    if (gone > 0) this.#intact = false
    return gone
  }
}

function unit(random: () => number): number {
  return Math.floor(random() * 3) - 1
}

const readCart: Call = { method: 'GET', path: '/api/cart' }
