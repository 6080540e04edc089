import type { OperationEnded, OperationSent } from '@ninelives/history'

export type OperationEvent = OperationSent | OperationEnded
export type Sending = Omit<OperationSent, 'type' | 'op' | 'sentAtMs'>
export type Ending = Omit<OperationEnded, 'type' | 'op' | 'endedAtMs'>

export interface RecorderOptions {
  /** The clock of the trace. */
  readonly now: () => number
  /** Gets what happened since the last time, in the order in which it happened. */
  readonly report: (events: readonly OperationEvent[]) => void
  readonly firstOp: number
}

const REPORT_AFTER_MS = 50

/** Writes down every operation when it is sent and when it ends, and reports in batches. */
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

  /** Returns the number under which its end is to be told. */
  sent(sending: Sending): number {
    const op = this.#nextOp++
    this.#add({ type: 'operation-sent', op, ...sending, sentAtMs: hundredths(this.now()) })
    return op
  }

  /** Returns when. */
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

/** Hundredths, as every time in a trace. */
export function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}
