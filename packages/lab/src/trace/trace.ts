import { appendFileSync } from 'node:fs'
import {
  type ClusterState,
  type EventBody,
  initialState,
  reduce,
  type RunStarted,
  type TraceEvent,
} from '@ninelives/history'
import { EXIT_BAD_INPUT, LabError } from '../errors.ts'
import { PRIVATE_FILE_MODE } from '../make-directory.ts'
import { RecentEvents, type Since } from './recent.ts'

export type TraceListener = (event: TraceEvent, before: ClusterState) => void

const EVENTS_KEPT = 1_000
const MEGABYTE = 1024 * 1024
/** Keeps a long `up` from filling the disk. */
const FILE_BYTES_MAX = 1024 * MEGABYTE

/**
 * The only writer of the trace. It numbers an event, writes it, reduces it and calls the listeners in one step, so the file, the
 * state and the listeners always agree. When the file is full or can't be written, it ends, with a last line that says so if
 * there is room, and `cut` aborts.
 */
export class Trace {
  readonly path: string
  /** The start of its clock, in nanoseconds of the system's monotonic clock, which all processes share. */
  readonly originNs: bigint
  readonly #listeners = new Set<TraceListener>()
  readonly #beganMs: number
  readonly #recent = new RecentEvents(EVENTS_KEPT)
  readonly #pending: EventBody[] = []
  readonly #cut = new AbortController()
  readonly #bytesMax: number
  #state = initialState
  #bytes = 0
  #publishing = false

  constructor(path: string, start: Omit<RunStarted, 'type' | 'startedAtMs'>, bytesMax = FILE_BYTES_MAX) {
    this.path = path
    this.#bytesMax = bytesMax
    this.originNs = process.hrtime.bigint()
    this.#beganMs = performance.now()
    this.append({ type: 'run-started', startedAtMs: Date.now(), ...start })
    if (this.cut.aborted) throw new LabError('TRACE', EXIT_BAD_INPUT, String(this.cut.reason))
  }

  /** The present time on its clock. */
  get nowMs(): number {
    return round(performance.now() - this.#beganMs)
  }

  get state(): ClusterState {
    return this.#state
  }

  /** Aborts with the reason when nothing is written any more; later events can't be judged. */
  get cut(): AbortSignal {
    return this.#cut.signal
  }

  /** The events after that one, or the recent events and the state before them. */
  since(seq: number | undefined): Since {
    return this.#recent.since(seq)
  }

  /** An event that a listener appends comes after the one that it is being called with. */
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

  /** Returns a function that unsubscribes. */
  listen(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #publish(body: EventBody): void {
    const before = this.#state
    const event: TraceEvent = { seq: before.seq + 1, atMs: this.nowMs, ...body }
    this.#write(event)
    this.#state = reduce(before, event)
    this.#recent.push(event)
    for (const listener of this.#listeners) listener(event, before)
  }

  #write(event: TraceEvent): void {
    if (this.#cut.signal.aborted) return
    const line = `${JSON.stringify(event)}\n`
    const bytes = Buffer.byteLength(line)
    // `run-ended` is short, so there is room for it.
    const isFull = this.#bytes + bytes > this.#bytesMax && event.type !== 'run-ended'
    if (isFull) this.#end(event)
    else if (this.#tryWriting(line)) this.#bytes += bytes
  }

  /** Writes a last line in place of the event for which there is no room. */
  #end({ seq, atMs }: TraceEvent): void {
    const why = `the trace has reached its bound of ${this.#bytesMax / MEGABYTE} MB`
    const last: TraceEvent = { seq, atMs, type: 'run-ended', reason: 'the trace is full', cutShort: why }
    if (this.#tryWriting(`${JSON.stringify(last)}\n`)) this.#cutOff(why)
  }

  #tryWriting(line: string): boolean {
    try {
      appendFileSync(this.path, line, { mode: PRIVATE_FILE_MODE })
      return true
    } catch (error) {
      this.#cutOff(`the trace can't be written any more (${(error as Error).message})`)
      return false
    }
  }

  #cutOff(why: string): void {
    this.#cut.abort(why)
    this.append({ type: 'process-noted', process: 'lab', event: why, warns: true, detail: {} })
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
