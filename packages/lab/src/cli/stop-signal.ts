/**
 * When to stop: Ctrl-C, a signal, the end of whoever started the lab, a terminal that is gone. Under npm one Ctrl-C
 * arrives twice, from the terminal and passed on by npm, so what follows close upon the first is the same one.
 */
import { runState } from '../supervise/process-table.ts'
import { standIns } from './stand-ins.ts'

export interface StopSignal {
  /** Aborted by the first; its reason is what to say about it. */
  readonly signal: AbortSignal
  /** Ends the listening. */
  close(): void
}

export interface StopOptions {
  /** The parent stands between the lab and a terminal. */
  readonly endsWithParent: boolean
  /** Someone asked twice. */
  readonly onSecond: () => void
}

const SAME_PRESS_MS = 250
const STAND_INS_POLL_MS = 500
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function stopSignal({ endsWithParent, onSecond }: StopOptions): StopSignal {
  const first = new AbortController()
  let firstAtMs = 0
  const stop = (reason: string): void => {
    if (first.signal.aborted) return
    firstAtMs = performance.now()
    first.abort(reason)
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first.signal.aborted && performance.now() - firstAtMs > SAME_PRESS_MS) onSecond()
    else stop(signal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  process.stdout.on('error', () => stop('nobody reads the output any more'))
  const poll = endsWithParent ? pollStandIns(() => stop('what started it is gone')) : undefined
  return {
    signal: first.signal,
    close() {
      clearInterval(poll)
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}

function pollStandIns(onGone: () => void): NodeJS.Timeout {
  const pids = standIns()
  const look = async (): Promise<void> => {
    const states = await Promise.all(pids.map((pid) => runState(pid)))
    if (!states.includes('gone')) return
    clearInterval(poll)
    onGone()
  }
  const poll = setInterval(() => void look(), STAND_INS_POLL_MS)
  return poll
}

export function whenStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
