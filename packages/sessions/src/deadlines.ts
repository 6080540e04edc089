/**
 * A bound on how long each of many promises may take. All have the same time, so the first to begin is the first to be late,
 * and one timer that looks at the front of a list does for all: a timer for each costs more than what it watches.
 */
export interface Deadlines {
  /**
   * Settles as `call` does, or rejects with what `late` makes. `abandon` is called at that very instant, before anything
   * else can happen, so that a queue never holds an entry that is over.
   */
  within<T>(call: Promise<T>, abandon?: () => void): Promise<T>
  /** Rejects every call that still waits. */
  giveUp(reason: () => Error): void
}

interface Pending {
  readonly atMs: number
  readonly reject: (error: Error) => void
  readonly abandon: (() => void) | undefined
}

const CHECKED_EVERY_MS = 50

export function deadlineList(timeoutMs: number, late: () => Error): Deadlines {
  const pending = new Set<Pending>()
  let timer: NodeJS.Timeout | undefined

  const check = (): void => {
    const nowMs = performance.now()
    for (const entry of pending) {
      if (entry.atMs > nowMs) break
      pending.delete(entry)
      entry.abandon?.()
      entry.reject(late())
    }
    if (pending.size === 0) stop()
  }

  const stop = (): void => {
    clearInterval(timer)
    timer = undefined
  }

  return {
    within(call, abandon) {
      return new Promise((resolve, reject) => {
        const entry = { atMs: performance.now() + timeoutMs, reject, abandon }
        pending.add(entry)
        timer ??= setInterval(check, Math.min(CHECKED_EVERY_MS, timeoutMs))
        call.then(
          (result) => {
            pending.delete(entry)
            resolve(result)
          },
          (error: unknown) => {
            pending.delete(entry)
            reject(error)
          },
        )
      })
    },

    giveUp(reason) {
      for (const { reject, abandon } of pending) {
        abandon?.()
        reject(reason())
      }
      pending.clear()
      stop()
    },
  }
}
