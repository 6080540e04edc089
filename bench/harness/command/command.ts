/** A bench as a command: its progress, its exit codes, and its end by a signal. */
import { EXIT_FAILED, EXIT_INTERRUPTED, LabError } from '@ninelives/lab'

export interface BenchEnd {
  /** The first signal aborts this, and the second one ends the bench. Without it the first one does. */
  readonly stop?: AbortController
  /** What a bench that was ended leaves. Default: nothing. */
  readonly left?: () => string | undefined
}

export function benchMain(main: (args: readonly string[]) => Promise<void>, { stop, left }: BenchEnd = {}): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop?.signal.aborted === false) return stop.abort()
      if (stop === undefined) progress(`stopped; ${left?.() ?? 'nothing was written'}\n`)
      // The exit ends the children, see children.ts.
      process.exit(EXIT_INTERRUPTED)
    })
  }
  main(process.argv.slice(2))
    .catch((error: Error) => {
      const isForUsers = error instanceof LabError
      process.stderr.write(`${isForUsers ? error.message : error.stack}\n`)
      process.exitCode = isForUsers ? error.exitCode : EXIT_FAILED
    })
    .finally(() => process.exit())
}

export function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r${text}\u001b[K` : `${text}\n`)
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
