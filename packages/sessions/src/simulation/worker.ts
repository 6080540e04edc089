/** Runs the batches that it is given, in a thread of its own. */
import { parentPort } from 'node:worker_threads'
import { type Batch, runBatch } from './batch.ts'

parentPort?.on('message', (batch: Batch) => void answer(batch))

async function answer(batch: Batch): Promise<void> {
  const result = await runBatch(batch)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window, and takes no origin
  parentPort?.postMessage(result)
}
