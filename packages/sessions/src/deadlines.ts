/**
 * A bound on how long each of many promises may take. All have the same time, so the first to begin is the first to be late,
 * and one timer that looks at the front of a list does for all: a timer for each costs more than what it watches.
 */
export interface Deadlines {
  /** Settles as `call` does, or rejects with what `late` makes. */
  within<T>(call: Promise<T>): Promise<T>
  /** Whoever still waits is rejected now. */
  giveUp(reason: () => Error): void
}

const CHECKED_EVERY_MS = 50

export function deadlineList(timeoutMs: number, late: () => Error): Deadlines {
  const pending = new Set<{ readonly atMs: number; readonly reject: (error: Error) => void }>()
  let timer: NodeJS.Timeout | undefined

  const check = (): void => {
    const nowMs = performance.now()
    for (const entry of pending) {
      if (entry.atMs > nowMs) break
      pending.delete(entry)
      entry.reject(late())
    }
    if (pending.size === 0) stop()
  }

  const stop = (): void => {
    clearInterval(timer)
    timer = undefined
  }

  return {
    within(call) {
      return new Promise((resolve, reject) => {
        const entry = { atMs: performance.now() + timeoutMs, reject }
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
      for (const { reject } of pending) reject(reason())
      pending.clear()
      stop()
    },
  }
}
