/**
 * What could be served while faults stood, and what was. A node that is not up, or on which a fault stands, may be unable to serve;
 * with too few others, or without the store, an honest refusal is right. When everything is back, nothing may fail for long.
 */
import type { Done } from './ledger/visit.ts'
import { StorePrimary } from './store-primary.ts'
import { LEFT, LOGGED_OUT, type RunStarted, type TraceEvent } from './trace/events.ts'

export interface ServiceFigures {
  /** How long it could not be served, in all. */
  readonly outMs: number
  /** Operations of that time, and until full service after it: provably not applied, or without an answer. */
  readonly refused: number
  readonly unclear: number
  /** Operations that failed, or may have, although they could have been served. */
  readonly failed: number
  /** From when everything was back to the last operation that was not served, at most. */
  readonly fullAfterMs: number
}

interface Interval {
  readonly fromMs: number
  untilMs: number
}

/** An operation is reported at most this long after its end. */
const KEPT_MS = 30_000
/** Refusals so long after an outage still belong to it. */
const AFTER_MS = 2_000
const STORE = 'store'
/** Ends that are no failure to serve. */
const SERVED: ReadonlySet<string | undefined> = new Set([LOGGED_OUT, LEFT])
/** They ask the shop for nothing. */
const UNSERVED: ReadonlySet<string> = new Set(['copy', 'linger'])
const UPS: ReadonlySet<string> = new Set(['node-up', 'node-resumed'])
const DOWNS: ReadonlySet<string> = new Set(['node-down', 'node-paused', 'node-draining', 'node-starting'])

export class Service {
  #needs: RunStarted['service']
  /** Whether each node is up. */
  readonly #nodes = new Map<string, boolean>()
  readonly #faults = new Map<string, { readonly target: string; isConfirmed: boolean }>()
  readonly #primary = new StorePrimary()
  #isStoreUp = true
  #out: Interval[] = []
  /** The times in which nothing was broken, from the first recovery on. */
  #whole: Interval[] = []
  #lastMs = 0
  #figures = { outMs: 0, refused: 0, unclear: 0, failed: 0, fullAfterMs: 0 }

  take(event: TraceEvent): void {
    if (event.type === 'run-started') this.#needs = event.service
    if (this.#needs === undefined || event.type === 'operation-sent' || event.type === 'operation-ended') return
    if (event.type === 'run-started') for (const { name } of event.nodes) this.#nodes.set(name, true)
    this.#lastMs = event.atMs
    if (this.#notice(event)) this.#mark(event.atMs)
  }

  ended({ sent, ended }: Done): void {
    const isServed = ended.outcome === 'ok' || SERVED.has(ended.why)
    if (this.#needs === undefined || isServed || UNSERVED.has(sent.kind)) return
    const meets = ({ fromMs, untilMs }: Interval): boolean =>
      sent.sentAtMs <= untilMs + AFTER_MS && ended.endedAtMs >= fromMs
    if (this.#out.some(meets)) this.#figures[ended.outcome === 'failed' ? 'refused' : 'unclear']++
    else this.#figures.failed++
    const whole = this.#whole.find(({ fromMs, untilMs }) => sent.sentAtMs >= fromMs && ended.endedAtMs < untilMs)
    if (whole === undefined) return
    this.#figures.fullAfterMs = Math.max(this.#figures.fullAfterMs, sent.sentAtMs - whole.fromMs)
  }

  /** Undefined if the run does not say what service needs. */
  get figures(): ServiceFigures | undefined {
    if (this.#needs === undefined) return undefined
    const open = this.#out.find(({ untilMs }) => untilMs === Number.POSITIVE_INFINITY)
    return { ...this.#figures, outMs: this.#figures.outMs + (open === undefined ? 0 : this.#lastMs - open.fromMs) }
  }

  doubts(): string[] {
    const withinMs = this.#needs?.fullWithinMs ?? Number.POSITIVE_INFINITY
    const { fullAfterMs } = this.#figures
    if (fullAfterMs <= withinMs) return []
    return [
      `an operation was not served ${Math.round(fullAfterMs)} ms after everything was back, where full service is due within ${withinMs} ms`,
    ]
  }

  /** Whether the event may have changed what can be served. */
  #notice(event: TraceEvent): boolean {
    const store = this.#primary.take(event).at(-1)
    if (store !== undefined) this.#isStoreUp = store === 'up'
    const isUp = UPS.has(event.type)
    if ('node' in event && (isUp || DOWNS.has(event.type))) {
      this.#nodes.set(event.node, isUp)
      return true
    }
    if (event.type === 'process-up' || event.type === 'process-down') return true
    if (event.type === 'fault-injected') {
      this.#faults.set(event.fault, { target: event.target, isConfirmed: false })
      return true
    }
    const fault = 'fault' in event ? this.#faults.get(event.fault) : undefined
    if (fault === undefined || !('fault' in event)) return false
    if (event.type === 'fault-confirmed') fault.isConfirmed = true
    // One that landed and could not be healed still stands.
    const isOver = event.type === 'fault-healed' || (event.type === 'fault-failed' && !fault.isConfirmed)
    return isOver && this.#faults.delete(event.fault)
  }

  #mark(atMs: number): void {
    const hit = new Set([...this.#faults.values()].flatMap(({ target }) => target.split(/[,>]/)))
    const able = [...this.#nodes].filter(([name, isUp]) => isUp && !hit.has(name) && !hit.has('*')).length
    const needed = this.#needs?.needs === 'majority' ? Math.floor(this.#nodes.size / 2) + 1 : 1
    const isStoreThere = this.#isStoreUp && !hit.has(STORE)
    const canServe = able >= needed && isStoreThere
    const lastOut = this.#out.at(-1)
    const isOut = lastOut?.untilMs === Number.POSITIVE_INFINITY
    if (!canServe && !isOut) this.#out.push({ fromMs: atMs, untilMs: Number.POSITIVE_INFINITY })
    if (canServe && isOut) {
      lastOut.untilMs = atMs
      this.#figures.outMs += atMs - lastOut.fromMs
    }
    const isWhole = able === this.#nodes.size && isStoreThere && this.#faults.size === 0
    const lastWhole = this.#whole.at(-1)
    const wasWhole = lastWhole?.untilMs === Number.POSITIVE_INFINITY
    if (isWhole && !wasWhole) this.#whole.push({ fromMs: atMs, untilMs: Number.POSITIVE_INFINITY })
    if (!isWhole && wasWhole) lastWhole.untilMs = atMs
    const isRecent = ({ untilMs }: Interval): boolean => untilMs > atMs - KEPT_MS
    this.#out = this.#out.filter(isRecent)
    this.#whole = this.#whole.filter(isRecent)
  }
}
