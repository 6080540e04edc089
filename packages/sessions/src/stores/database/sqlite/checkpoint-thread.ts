/** The thread of checkpoints.ts: each message is answered when a checkpoint is over. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

/** With 4,096 bytes a page, 16 MB. */
const WAL_PAGES_MAX = 4_096

const database = new DatabaseSync(workerData as string)
database.exec('PRAGMA busy_timeout = 100')
const passive = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
const restart = database.prepare('PRAGMA wal_checkpoint(RESTART)')

function copy(): void {
  // Stops no writer. What is written meanwhile stays in the WAL, so that under a constant load its start is never reused ...
  const pages = Number(passive.get()?.['log'] ?? 0)
  // ... until this makes the writers wait for the copy of the little that is left.
  if (pages > WAL_PAGES_MAX) restart.get()
}

parentPort?.on('message', () => {
  try {
    copy()
  } catch {
    // The disk is full or fails. The WAL still has everything, and the next checkpoint tries again.
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window, and takes no origin
  parentPort?.postMessage('done')
})
