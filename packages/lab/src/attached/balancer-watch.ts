/** Asks the balancer's admin port which nodes get traffic, and appends what has changed. */
import type { EventBody } from '@ninelives/history'
import { httpGet } from '../http-get.ts'

export interface BalancerWatchOptions {
  readonly admin: URL
  readonly token: string | undefined
  /** Where users find it. */
  readonly shopUrl: string
  readonly append: (event: EventBody) => void
}

interface Upstream {
  readonly name: string
  readonly state: string
}

const EVERY_MS = 500
const ANSWER_WAIT_MS = 2_000

export class BalancerWatch {
  readonly #options: BalancerWatchOptions
  readonly #states = new Map<string, string>()
  #lives = 0
  #isUp = false
  #isRefused = false
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: BalancerWatchOptions) {
    this.#options = options
  }

  /** Whether it sends requests to each of these nodes. */
  sendsTo(names: readonly string[]): boolean {
    return this.#isUp && names.every((name) => this.#states.get(name) === 'up')
  }

  /** Whether it wants another token: waiting does not help. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Looks, now and again and again. */
  async look(): Promise<void> {
    const upstreams = await this.#upstreams()
    if (this.#isClosed) return
    this.#note(upstreams)
    this.#timer = setTimeout(() => void this.look(), EVERY_MS)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #upstreams(): Promise<readonly Upstream[] | undefined> {
    const { admin, token } = this.#options
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const answer = await httpGet(new URL('/upstreams', admin).href, { timeoutMs: ANSWER_WAIT_MS, headers })
    this.#isRefused = answer?.status === 401 || answer?.status === 403
    return answer?.status === 200 ? upstreamsIn(answer.body) : undefined
  }

  #note(upstreams: readonly Upstream[] | undefined): void {
    const { append, shopUrl: url } = this.#options
    if (upstreams === undefined) {
      if (this.#isUp) append({ type: 'process-down', process: 'balancer', pid: this.#lives, code: null, signal: null })
      this.#isUp = false
      this.#states.clear()
      return
    }
    if (!this.#isUp) append({ type: 'process-up', process: 'balancer', pid: ++this.#lives, url })
    this.#isUp = true
    for (const { name, state } of upstreams) {
      const before = this.#states.get(name)
      this.#states.set(name, state)
      if (state === before) continue
      if (state === 'draining') append({ type: 'upstream-draining', upstream: name })
      else if (state === 'up') append({ type: 'upstream-readmitted', upstream: name })
      else if (before !== undefined) append({ type: 'upstream-ejected', upstream: name, reason: state })
    }
  }
}

/** Undefined for the answer of another program. */
function upstreamsIn(body: string): readonly Upstream[] | undefined {
  try {
    const { upstreams } = JSON.parse(body) as { upstreams?: unknown }
    return Array.isArray(upstreams) ? (upstreams as readonly Upstream[]) : undefined
  } catch {
    return undefined
  }
}
