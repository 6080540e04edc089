/**
 * Since when no fault stands that may keep a node from hearing what the others tell. The death of a node is none: a node that is gone
 * has no sockets.
 */
import type { TraceEvent } from './trace/events.ts'

const DEATHS: ReadonlySet<string> = new Set(['kill', 'crash', 'drain'])
const STORES: ReadonlySet<string> = new Set(['redis', 'postgres', 'mariadb', 'memcached'])

export class Calm {
  readonly #ongoing = new Set<string>()
  #sinceMs = Number.NEGATIVE_INFINITY

  /** Infinity while such a fault stands. */
  get sinceMs(): number {
    return this.#ongoing.size > 0 ? Number.POSITIVE_INFINITY : this.#sinceMs
  }

  take(event: TraceEvent): void {
    if (event.type === 'fault-injected' && !(DEATHS.has(event.kind) && event.target !== 'store'))
      this.#ongoing.add(`fault ${event.fault}`)
    if (event.type === 'fault-healed') this.#end(`fault ${event.fault}`, event.atMs)
    if (event.type === 'fault-failed') this.#end(`fault ${event.fault}`, event.atMs)
    if (event.type === 'node-paused') this.#ongoing.add(`pause ${event.node}`)
    if (event.type === 'node-resumed' || event.type === 'node-down') this.#end(`pause ${event.node}`, event.atMs)
    if (event.type === 'process-down' && STORES.has(event.process)) this.#ongoing.add(event.process)
    if (event.type === 'process-up') this.#end(event.process, event.atMs)
  }

  #end(what: string, atMs: number): void {
    if (this.#ongoing.delete(what)) this.#sinceMs = atMs
  }
}
