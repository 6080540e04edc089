import type { OperationEnded, OperationSent } from '@ninelives/history'

export type OperationEvent = OperationSent | OperationEnded
export type Sending = Omit<OperationSent, 'type' | 'op' | 'sentAtMs'>
export type Ending = Omit<OperationEnded, 'type' | 'op' | 'endedAtMs'>

export interface RecorderOptions {
  /** The clock of the trace. */
  readonly now: () => number
  /** Called with the events since the last call, in order. */
  readonly report: (events: readonly OperationEvent[]) => void
  readonly firstOp: number
}

const REPORT_AFTER_MS = 50

/** Records when every operation is sent and when it ends, and reports in batches. */
export class Recorder {
  readonly now: () => number
  readonly #report: RecorderOptions['report']
  #events: OperationEvent[] = []
  #nextOp: number
  #due: NodeJS.Timeout | undefined

  constructor({ now, report, firstOp }: RecorderOptions) {
    this.now = now
    this.#report = report
    this.#nextOp = firstOp
  }

  /** Returns the operation's number, to be passed to `ended`. */
  sent(sending: Sending): number {
    const op = this.#nextOp++
    this.#add({ type: 'operation-sent', op, ...sending, sentAtMs: hundredths(this.now()) })
    return op
  }

  /** Returns the time of its end. */
  ended(op: number, ending: Ending): number {
    const endedAtMs = hundredths(this.now())
    this.#add({ type: 'operation-ended', op, endedAtMs, ...ending })
    return endedAtMs
  }

  flush(): void {
    clearTimeout(this.#due)
    this.#due = undefined
    const events = this.#events
    this.#events = []
    if (events.length > 0) this.#report(events)
  }

  #add(event: OperationEvent): void {
    this.#events.push(event)
    this.#due ??= setTimeout(() => this.flush(), REPORT_AFTER_MS)
  }
}

/** Rounds to hundredths of a millisecond, as all times in a trace. */
export function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}
