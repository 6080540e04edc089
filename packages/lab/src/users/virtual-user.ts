/**
 * One customer: logs in, puts things into the cart, looks whether everything is there, and after a while leaves and
 * begins anew. It remembers what the shop acknowledged, and takes it at its word.
 */
import type { Call, Client } from './client.ts'
import { CookieJar } from './cookie-jar.ts'
import { LOGGED_OUT, type Outcome, outcomeOf } from './outcome.ts'

export interface Operation {
  readonly outcome: Outcome
  readonly node: string | undefined
  /** A user who was logged in was told to log in. */
  readonly loggedOut: boolean
  /** Acknowledged items that were not in the cart any more. */
  readonly lost: number
}

export interface VirtualUserOptions {
  readonly client: Client
  readonly name: string
  readonly password: string
  /** What sets this run's skus apart from those of another. */
  readonly run: string
}

const LOGIN_REFUSED = 'login refused'

/** With so many things in the cart it is time to leave. */
const CART_ITEMS_MAX = 20

export class VirtualUser {
  readonly #options: VirtualUserOptions
  readonly #jar = new CookieJar()
  readonly #acknowledged = new Set<string>()
  #loggedIn = false
  #intact = true
  #looksNext = false
  #skus = 0

  constructor(options: VirtualUserOptions) {
    this.#options = options
  }

  get loggedIn(): boolean {
    return this.#loggedIn
  }

  /** Nothing that was put into the present cart was ever missing from it. */
  get intact(): boolean {
    return this.#intact
  }

  /** The next thing that this customer would do. */
  act(): Promise<Operation> {
    if (!this.#loggedIn) return this.#login()
    if (this.#looksNext) return this.#look()
    return this.#acknowledged.size < CART_ITEMS_MAX ? this.#add() : this.#leave()
  }

  async #login(): Promise<Operation> {
    const { name, password } = this.#options
    const { operation } = await this.#do({ method: 'POST', path: '/api/login', body: { name, password } })
    if (operation.outcome.end === 'ok') {
      this.#loggedIn = true
      // One who was thrown out wants to know first what is left.
      this.#looksNext = this.#acknowledged.size > 0
    }
    return operation
  }

  async #add(): Promise<Operation> {
    const sku = `${this.#options.run}-${this.#options.name}-${++this.#skus}`
    this.#looksNext = true
    const { operation, items } = await this.#do({ method: 'POST', path: '/api/cart', body: { sku } })
    if (operation.outcome.end !== 'ok') return operation
    this.#acknowledged.add(sku)
    return { ...operation, lost: this.#missing(items) }
  }

  async #look(): Promise<Operation> {
    const { operation, items } = await this.#do({ method: 'GET', path: '/api/cart' })
    if (operation.outcome.end !== 'ok') return operation
    this.#looksNext = false
    return { ...operation, lost: this.#missing(items) }
  }

  async #leave(): Promise<Operation> {
    const { operation } = await this.#do({ method: 'POST', path: '/api/logout' })
    // Where it did not work out, the customer is gone all the same.
    this.#loggedIn = false
    this.#intact = true
    this.#acknowledged.clear()
    this.#jar.clear()
    return operation
  }

  async #do(call: Call): Promise<{ operation: Operation; items: ReadonlySet<string> }> {
    const reply = await this.#options.client.call(call, this.#jar)
    const outcome = this.#judge(outcomeOf(reply, call.method !== 'GET'))
    const loggedOut = outcome.end === 'failed' && outcome.kind === LOGGED_OUT
    if (loggedOut) this.#loggedIn = false
    const [node, body] = reply.end === 'answered' ? [reply.node, reply.body] : []
    return { operation: { outcome, node, loggedOut, lost: 0 }, items: skusIn(body) }
  }

  /** Who is not logged in can't be logged out: there a 401 is a login that was refused. */
  #judge(outcome: Outcome): Outcome {
    const refused = outcome.end === 'failed' && outcome.kind === LOGGED_OUT && !this.#loggedIn
    return refused ? { end: 'failed', kind: LOGIN_REFUSED } : outcome
  }

  /** How many acknowledged items are not there. Each is counted once, and given up. */
  #missing(items: ReadonlySet<string>): number {
    const missing = [...this.#acknowledged].filter((sku) => !items.has(sku))
    for (const sku of missing) this.#acknowledged.delete(sku)
    if (missing.length > 0) this.#intact = false
    return missing.length
  }
}

function skusIn(body: unknown): ReadonlySet<string> {
  const { items } = (body ?? {}) as { items?: unknown }
  return new Set(Array.isArray(items) ? items.map((item) => String((item as { sku?: unknown } | null)?.sku)) : [])
}
