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
  close(): void
}

/** SQLite takes no locks on a WAL, so that a second descriptor of it does no harm; see sqlite.ts. */
export function walSync(path: string, timeoutMs: number): WalSync {
  const file = openSync(path, 'r+')
  const deadlines = deadlineList(timeoutMs, () => new Error(`the disk took longer than ${timeoutMs} ms to sync`))
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let failure: Error | undefined
  let isClosed = false

  const sync = (): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    fdatasync(file, (error) => {
      running = undefined
      if (isClosed) closeSync(file)
      if (error === null) return resolve()
      // After a failed sync the system takes the pages for clean, so a later sync would succeed without them.
      failure = new Error(`the disk failed to sync; start the process again: ${error.message}`)
      reject(failure)
    })
    running = promise
    return promise
  }

  const afterRunning = async (): Promise<void> => {
    await running
    next = undefined
    if (isClosed) throw new Error('the store was closed')
    await sync()
  }

  return {
    async synced() {
      if (failure !== undefined) throw failure
      if (isClosed) throw new Error('the store was closed')
      const covering = running === undefined ? sync() : (next ??= afterRunning())
      await deadlines.within(covering)
    },
    close() {
      isClosed = true
      deadlines.giveUp(() => new Error('the store was closed'))
      if (running === undefined) closeSync(file)
    },
  }
}
