/**
 * Since when no fault stands that may keep a node from hearing what the others tell. The death of a node is none: a node that is gone
 * has no sockets.
 */
import { StorePrimary } from './store-primary.ts'
import type { TraceEvent } from './trace/events.ts'

const DEATHS: ReadonlySet<string> = new Set(['kill', 'crash', 'drain'])
const STORE = 'store'

export class Calm {
  readonly #ongoing = new Set<string>()
  /** The faults that landed and are not healed. */
  readonly #landed = new Set<string>()
  readonly #primary = new StorePrimary()
  #sinceMs = Number.NEGATIVE_INFINITY

  /** Infinity while such a fault stands. */
  get sinceMs(): number {
    return this.#ongoing.size > 0 ? Number.POSITIVE_INFINITY : this.#sinceMs
  }

  take(event: TraceEvent): void {
    if (event.type === 'fault-injected' && !(DEATHS.has(event.kind) && event.target !== STORE))
      this.#ongoing.add(`fault ${event.fault}`)
    if (event.type === 'fault-confirmed') this.#landed.add(event.fault)
    // One that landed and could not be healed still stands.
    if (event.type === 'fault-healed' || (event.type === 'fault-failed' && !this.#landed.has(event.fault))) {
      this.#landed.delete(event.fault)
      this.#end(`fault ${event.fault}`, event.atMs)
    }
    if (event.type === 'node-paused') this.#ongoing.add(`pause ${event.node}`)
    if (event.type === 'node-resumed' || event.type === 'node-down') this.#end(`pause ${event.node}`, event.atMs)
    for (const life of this.#primary.take(event)) {
      if (life === 'down') this.#ongoing.add(STORE)
      else this.#end(STORE, event.atMs)
    }
  }

  #end(what: string, atMs: number): void {
    if (this.#ongoing.delete(what)) this.#sinceMs = atMs
  }
}
