/**
 * Copies the WAL into the file, in a thread: the copy and its syncs would block the event loop for some ten milliseconds, and on a
 * slow disk for longer. The thread is started when there is something to copy for the first time.
 */
import { Worker } from 'node:worker_threads'

export interface Checkpoints {
  /** About so many pages were added to the WAL. */
  wrote(pages: number): void
  /** Resolves when the thread has left the file. */
  close(): Promise<void>
}

/** As many as SQLite's own default. */
const PAGES = 1_000

/** `onFailure`: there is no thread, so the WAL grows unless it is copied in another way. */
export function checkpoints(path: string, onFailure: () => void): Checkpoints {
  let pages = 0
  let thread: Worker | undefined
  let isRunning = false

  const start = (): Worker => {
    const source = import.meta.url.endsWith('.ts') ? 'checkpoint-thread.ts' : 'checkpoint-thread.js'
    const worker = new Worker(new URL(source, import.meta.url), { workerData: path })
    worker.unref()
    worker.on('error', onFailure)
    worker.on('message', () => {
      isRunning = false
      runIfDue()
    })
    return worker
  }

  const runIfDue = (): void => {
    if (pages < PAGES || isRunning) return
    pages = 0
    isRunning = true
    thread ??= start()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window, and takes no origin
    thread.postMessage('run')
  }

  return {
    wrote(more) {
      pages += more
      runIfDue()
    },
    async close() {
      await thread?.terminate()
    },
  }
}
