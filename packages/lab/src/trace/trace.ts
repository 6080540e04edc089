import { appendFileSync } from 'node:fs'
import {
  type ClusterState,
  type EventBody,
  initialState,
  reduce,
  type RunStarted,
  type TraceEvent,
} from '@ninelives/history'

import { RecentEvents, type Since } from './recent.ts'

export type TraceListener = (event: TraceEvent, before: ClusterState) => void

const EVENTS_KEPT = 1_000
const FILE_BYTES_MAX = 256 * 1024 * 1024

/**
 * The one writer of the trace. An event is numbered, written, reduced and told to the listeners in one step, so the
 * state, the file and every listener agree at any instant.
 */
export class Trace {
  readonly path: string
  /** Where its clock begins, in nanoseconds of the system's monotonic clock, which all processes read alike. */
  readonly originNs: bigint
  readonly #listeners = new Set<TraceListener>()
  readonly #beganMs: number
  readonly #recent = new RecentEvents(EVENTS_KEPT)
  readonly #pending: EventBody[] = []
  #state = initialState
  #bytes = 0
  #publishing = false

  constructor(path: string, start: Omit<RunStarted, 'type' | 'startedAtMs'>) {
    this.path = path
    this.originNs = process.hrtime.bigint()
    this.#beganMs = performance.now()
    this.append({ type: 'run-started', startedAtMs: Date.now(), ...start })
  }

  get state(): ClusterState {
    return this.#state
  }

  /** What came after that event, or the recent past and what was before it. */
  since(seq: number | undefined): Since {
    return this.#recent.since(seq)
  }

  /** What a listener appends comes after the event that it was just told of. */
  append(body: EventBody): void {
    this.#pending.push(body)
    if (this.#publishing) return
    this.#publishing = true
    try {
      for (let next = this.#pending.shift(); next; next = this.#pending.shift()) this.#publish(next)
    } finally {
      this.#publishing = false
    }
  }

  /** Returns what ends it. */
  listen(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #publish(body: EventBody): void {
    const before = this.#state
    const event: TraceEvent = { seq: before.seq + 1, atMs: round(performance.now() - this.#beganMs), ...body }
    this.#write(event)
    this.#state = reduce(before, event)
    this.#recent.push(event)
    for (const listener of this.#listeners) listener(event, before)
  }

  #write(event: TraceEvent): void {
    if (this.#bytes > FILE_BYTES_MAX) return
    const line = `${JSON.stringify(event)}\n`
    appendFileSync(this.path, line)
    this.#bytes += Buffer.byteLength(line)
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
