import type { ProcessName, TraceEvent } from './trace/events.ts'

type StoreLife = 'down' | 'up'

const NOTHING: readonly StoreLife[] = []
const SERVERS: ReadonlySet<ProcessName> = new Set(['redis', 'postgres', 'mariadb', 'memcached'])

/**
 * Tells when the store is down and up. A store with a replica has two processes, and each failover makes the other one the primary; the
 * death of the one that follows is none of the store's.
 */
export class StorePrimary {
  /** Whether the process `replica` is the primary. */
  #isReplica = false
  /** A failover that was injected and has not landed or failed. */
  #failover: string | undefined
  /** Whether the end of the primary that it killed was seen. That may also be after it has landed. */
  #hasDied = false

  /** What the event says of the store. */
  take(event: TraceEvent): readonly StoreLife[] {
    if (event.type === 'fault-injected' && event.kind === 'failover') {
      this.#failover = event.fault
      this.#hasDied = false
    } else if (event.type === 'process-up' && this.#isPrimary(event.process)) return ['up']
    else if (event.type === 'process-down' && this.#isPrimary(event.process)) {
      if (this.#failover !== undefined) this.#swap()
      return ['down']
    } else if (event.type === 'fault-confirmed' && event.fault === this.#failover) {
      this.#failover = undefined
      if (this.#hasDied) return ['up']
      this.#swap()
      return ['down', 'up']
    } else if (event.type === 'fault-failed' && event.fault === this.#failover) {
      this.#failover = undefined
      if (this.#hasDied) return ['up']
    }
    return NOTHING
  }

  #isPrimary(process: ProcessName): boolean {
    return this.#isReplica ? process === 'replica' : SERVERS.has(process)
  }

  #swap(): void {
    this.#isReplica = !this.#isReplica
    this.#hasDied = true
  }
}
