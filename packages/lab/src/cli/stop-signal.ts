/**
 * When to stop: Ctrl-C, a signal, the end of whoever started the lab, a terminal that is gone. Under npm one Ctrl-C
 * arrives twice, from the terminal and passed on by npm, so what follows close upon the first is the same one.
 */
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
const PARENT_POLL_MS = 500
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function stopSignal({ endsWithParent, onSecond }: StopOptions): StopSignal {
  const first = new AbortController()
  let firstAtMs = 0
  const stop = (reason: string): void => {
    const nowMs = performance.now()
    if (!first.signal.aborted) {
      firstAtMs = nowMs
      first.abort(reason)
    } else if (nowMs - firstAtMs > SAME_PRESS_MS) onSecond()
  }
  const onSignal = (signal: NodeJS.Signals): void => stop(signal)
  for (const signal of SIGNALS) process.on(signal, onSignal)
  const onBrokenOutput = (): void => stop('nobody reads the output any more')
  process.stdout.on('error', onBrokenOutput)
  const parent = process.ppid
  const poll = setInterval(() => {
    if (!endsWithParent || process.ppid === parent) return
    clearInterval(poll)
    stop('what started it is gone')
  }, PARENT_POLL_MS).unref()
  return {
    signal: first.signal,
    close() {
      clearInterval(poll)
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}

export function whenStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
