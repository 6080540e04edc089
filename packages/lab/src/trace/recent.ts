import { type ClusterState, initialState, isOperation, reduce, type TraceEvent } from '@ninelives/history'

export interface Since {
  /** The state before the first of the events; absent if the caller has it. */
  readonly base?: ClusterState
  readonly events: readonly TraceEvent[]
}

/**
 * The last events of a trace, and the state before them. So a page that opens late sees recent events *and* a state that counts
 * everything. Single operations are left out, as they would crowd out all else.
 */
export class RecentEvents {
  readonly #max: number
  #base = initialState
  #events: TraceEvent[] = []

  constructor(max: number) {
    this.#max = max
  }

  push(event: TraceEvent): void {
    if (isOperation(event)) return
    this.#events.push(event)
    // Halved, so that the cost per event is constant.
    if (this.#events.length < this.#max * 2) return
    const old = this.#events.splice(0, this.#events.length - this.#max)
    this.#base = old.reduce(reduce, this.#base)
  }

  /** The events after that one, or all of them if it is unknown or too old. */
  since(seq: number | undefined): Since {
    const last = this.#events.at(-1)?.seq ?? this.#base.seq
    if (seq === undefined || seq < this.#base.seq || seq > last) return { base: this.#base, events: [...this.#events] }
    return { events: this.#events.filter((event) => event.seq > seq) }
  }
}
