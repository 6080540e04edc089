/**
 * Stops at Ctrl-C, a signal, the end of the parent, or the loss of the terminal. Under npm one Ctrl-C arrives twice, from the
 * terminal and from npm, so a second signal right after the first is the same one.
 */
import { runState } from '../../supervise/process-table.ts'
import { launcherPids } from './launchers.ts'

export interface StopOptions {
  /** Whether the parent is only a launcher. */
  readonly endsWithParent: boolean
  /** Called at a second request to stop. */
  readonly onSecond: () => void
}

const SAME_PRESS_MS = 500
const STAND_INS_POLL_MS = 500
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal that aborts when it is time to stop; its reason is the text to show. Listens until the process exits. */
export function stopSignal({ endsWithParent, onSecond }: StopOptions): AbortSignal {
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
  process.stdout.on('error', () => stop('its output was closed'))
  if (endsWithParent) pollStandIns(() => stop('what started it is gone'))
  return first.signal
}

function pollStandIns(onGone: () => void): void {
  const pids = launcherPids()
  const look = async (): Promise<void> => {
    const states = await Promise.all(pids.map((pid) => runState(pid)))
    if (!states.includes('gone')) return
    clearInterval(poll)
    onGone()
  }
  const poll = setInterval(() => void look(), STAND_INS_POLL_MS)
}

export function whenStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
