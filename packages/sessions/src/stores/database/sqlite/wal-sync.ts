/**
 * Waits until what was committed is on the disk, without blocking the event loop: SQLite writes its WAL without a sync
 * (`synchronous=NORMAL`), and the WAL is synced here before the change is acknowledged. A sync covers every commit that was made
 * before it began, so commits that come during one share the next.
 *
 * Another process may read a commit that is not on the disk yet, where SQLite's own `FULL` would show it later. If it writes to
 * that record, its own sync covers both.
 */
import { closeSync, fdatasync, openSync } from 'node:fs'
import { deadlineList } from '../../../deadlines.ts'

export interface WalSync {
  /** Resolves when everything that was committed so far is on the disk. */
  synced(): Promise<void>
  /** Why nothing can be synced any more, by this process. */
  readonly failure: Error | undefined
  close(): void
}

/** SQLite takes no locks on a WAL, so that a second descriptor of it does no harm; see sqlite.ts. */
export function walSync(path: string, timeoutMs: number): WalSync {
  const file = openSync(path, 'r+')
  const deadlines = deadlineList(timeoutMs, () => new Error(`the disk took longer than ${timeoutMs} ms to sync`))
  let isRunning = false
  /** The sync that begins when the running one ends. */
  let next: PromiseWithResolvers<void> | undefined
  let failure: Error | undefined
  let isClosed = false

  const run = ({ resolve, reject }: PromiseWithResolvers<void>): void => {
    isRunning = true
    fdatasync(file, (error) => {
      isRunning = false
      // After a failed sync the system takes the pages for clean, so a later sync would succeed without them.
      if (error !== null) failure = new Error(`the disk failed to sync; start the process again: ${error.message}`)
      if (failure === undefined) resolve()
      else reject(failure)
      if (isClosed) return closeSync(file)
      if (next === undefined) return undefined
      if (failure === undefined) run(next)
      else next.reject(failure)
      next = undefined
    })
  }

  return {
    async synced() {
      if (failure !== undefined) throw failure
      if (isClosed) throw new Error('the store was closed')
      const covering = next ?? Promise.withResolvers<void>()
      if (isRunning) next = covering
      else run(covering)
      await deadlines.within(covering.promise)
    },
    get failure() {
      return failure
    },
    close() {
      isClosed = true
      deadlines.giveUp(() => new Error('the store was closed'))
      if (!isRunning) closeSync(file)
    },
  }
}
