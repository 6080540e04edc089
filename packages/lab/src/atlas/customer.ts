import type { Call, Client } from '../users/client.ts'
import { type Answered, ask } from '../users/send-operation.ts'
import { CookieJar } from '../users/cookie-jar.ts'
import { type FloorReply, FloorSocket } from '../users/floor-socket.ts'
import { hundredths, type Recorder } from '../users/recorder.ts'

type Kind = Parameters<typeof ask>[2]['kind']

export interface CustomerOptions {
  readonly recorder: Recorder
  /** A client of the balancer. */
  readonly shop: Client
  /** The shop's, for sockets. */
  readonly url: URL
  readonly number: number
  readonly visit: number
  /** Called with the name of the node that answered. */
  readonly onAnswer: (node: string) => void
}

/** One visit of one virtual user, which does one operation at a time when its methods are called. */
export class Customer {
  readonly #recorder: Recorder
  readonly #shop: Client
  readonly #name: string
  readonly #password: string
  readonly #visit: number
  readonly #onAnswer: (node: string) => void
  readonly #url: URL
  #jar = new CookieJar()
  #things = 0
  #floor: FloorSocket | undefined
  #socketNode: string | undefined

  constructor({ recorder, shop, url, number, visit, onAnswer }: CustomerOptions) {
    this.#recorder = recorder
    this.#shop = shop
    this.#url = url
    this.#name = `user-${number}`
    this.#password = `password-${number}`
    this.#visit = visit
    this.#onAnswer = onAnswer
  }

  /** A fingerprint of the session cookie. */
  get cookie(): string | undefined {
    return this.#jar.fingerprint()
  }

  /** The node that its socket was at when it last answered. */
  get socketNode(): string | undefined {
    return this.#socketNode
  }

  close(): void {
    this.#floor?.close()
  }

  /** A copy of the present cookies, to come back with later. */
  keepCookie(): CookieJar {
    return this.#jar.copy()
  }

  login(): Promise<Answered> {
    const body = { name: this.#name, password: this.#password }
    return this.#do('login', { method: 'POST', path: '/api/login', body })
  }

  put(): Promise<Answered> {
    const sku = `atlas.${this.#name}.${this.#visit}.${++this.#things}`
    return this.#do('put', { method: 'POST', path: '/api/cart', body: { sku } }, { sku })
  }

  read(): Promise<Answered> {
    return this.#do('read', readCart)
  }

  count(): Promise<Answered> {
    return this.#do('count', { method: 'POST', path: '/api/counter' })
  }

  /** Over a socket that is opened with the first. */
  move(): Promise<Answered> {
    return this.#onFloor('move', (floor) => floor.move({ dx: 1, dy: 0 }))
  }

  /** Looks at its marker. */
  hello(): Promise<Answered> {
    return this.#onFloor('hello', (floor) => floor.hello())
  }

  logout(): Promise<Answered> {
    return this.#do('logout', { method: 'POST', path: '/api/logout' })
  }

  comeBackWith(jar: CookieJar): Promise<Answered> {
    return this.#do('return', readCart, { jar: jar.copy() })
  }

  /** Asks one node directly, without the balancer. */
  copyFrom(node: string, client: Client): Promise<Answered> {
    return this.#do('copy', readCart, { node, client, jar: this.#jar.copy() })
  }

  async #onFloor(kind: 'move' | 'hello', run: (floor: FloorSocket) => Promise<FloorReply>): Promise<Answered> {
    const floor = (this.#floor ??= new FloorSocket({ target: this.#url, cookie: () => this.#jar.header() }))
    const session = this.#jar.fingerprint()
    const about = session === undefined ? {} : { session }
    const dueAtMs = hundredths(this.#recorder.now())
    const at = { user: this.#name, visit: this.#visit, tab: 0, dueAtMs, lateMs: 0 }
    const op = this.#recorder.sent({ ...at, kind, ...about })
    const reply = await run(floor)
    const { end, ...rest } = reply
    const facts = 'kind' in rest ? { why: rest.kind } : rest
    const endedAtMs = this.#recorder.ended(op, { outcome: end, ...about, ...facts })
    const node = reply.end === 'ok' ? reply.node : undefined
    const count = reply.end === 'ok' ? reply.count : undefined
    if (node !== undefined) this.#socketNode = node
    return {
      outcome: reply.end === 'ok' ? { end: 'ok', body: undefined } : reply,
      node,
      answer: count === undefined ? {} : { count },
      sentAtMs: dueAtMs,
      endedAtMs,
    }
  }

  async #do(
    kind: Kind,
    call: Call,
    {
      client = this.#shop,
      jar = this.#jar,
      ...about
    }: Partial<{ client: Client; jar: CookieJar; sku: string; node: string }> = {},
  ): Promise<Answered> {
    const dueAtMs = hundredths(this.#recorder.now())
    const at = { user: this.#name, visit: this.#visit, tab: 0, dueAtMs, lateMs: 0 }
    const answered = await ask(this.#recorder, client, { ...at, ...about, kind, call, jar })
    if (answered.node !== undefined && about.node === undefined) this.#onAnswer(answered.node)
    return answered
  }
}

const readCart: Call = { method: 'GET', path: '/api/cart' }
