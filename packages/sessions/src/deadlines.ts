/**
 * A bound on how long each of many promises may take. All have the same time, so the first to begin is the first to be late,
 * and one timer for the front of a list is enough: a timer for each costs more than what it watches. The timer stays when its call is
 * over, so a process with few calls wakes once for each bound and not for each call.
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
  isOver: boolean
  before: Pending | undefined
  after: Pending | undefined
}

export function deadlineList(timeoutMs: number, late: () => Error): Deadlines {
  // Linked, in the order of their deadlines. Not a Set: V8 replaces its table after every few changes, and each old table refers to the
  // next. A table in the old generation keeps all later ones and their calls alive until the next major collection.
  let first: Pending | undefined
  let last: Pending | undefined
  let timer: NodeJS.Timeout | undefined
  let looking: NodeJS.Immediate | undefined

  const check = (): void => {
    const nowMs = performance.now()
    for (let entry = first; entry !== undefined && entry.atMs <= nowMs; entry = first) end(entry, late)
    timer = first === undefined ? undefined : setTimeout(look, Math.ceil(first.atMs - nowMs))
  }

  /** If this process itself stood still, the answers lie in sockets and are read before the next immediate. */
  const look = (): void => {
    looking = setImmediate(check)
  }

  const add = (entry: Pending): void => {
    if (last === undefined) first = entry
    else last.after = entry
    last = entry
    timer ??= setTimeout(look, timeoutMs)
    timer.ref()
  }

  const remove = (entry: Pending): void => {
    if (entry.isOver) return
    const { before, after } = entry
    if (before === undefined) first = after
    else before.after = after
    if (after === undefined) last = before
    else after.before = before
    entry.isOver = true
    entry.before = undefined
    entry.after = undefined
    // A process may end when it waits for nothing.
    if (first === undefined) timer?.unref()
  }

  const end = (entry: Pending, reason: () => Error): void => {
    remove(entry)
    entry.abandon?.()
    entry.reject(reason())
  }

  return {
    within(call, abandon) {
      return new Promise((resolve, reject) => {
        const atMs = performance.now() + timeoutMs
        const entry: Pending = { atMs, reject, abandon, isOver: false, before: last, after: undefined }
        add(entry)
        call.then(
          (result) => {
            remove(entry)
            resolve(result)
          },
          (error: unknown) => {
            remove(entry)
            reject(error)
          },
        )
      })
    },

    giveUp(reason) {
      for (let entry = first; entry !== undefined; entry = first) end(entry, reason)
      clearTimeout(timer)
      clearImmediate(looking)
      timer = undefined
    },
  }
}
