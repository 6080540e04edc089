/**
 * Runs the replication engine in a virtual world: clocks drift and stop, links delay, hold and break, processes are closed, and crash at
 * any step, clients write concurrently. A seed decides all of it, so a failing seed can be run again, and its script cut down.
 */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Batch, BatchResult, Failing } from './batch.ts'

export { type Batch, type BatchResult, type Failing, runBatch, SEEDS } from './batch.ts'
export { explain } from './explain.ts'
export { variants } from './variants.ts'

export interface SeedsOptions extends Batch {
  /** Default: one for each core. */
  readonly threads?: number
  /** Stops after so many failing seeds. Default 10. */
  readonly failingMax?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (sofar: BatchResult) => void
}

const SEEDS_A_BATCH = 25

/** Runs the seeds from `from` on, over some threads. */
export async function simulateSeeds(options: SeedsOptions): Promise<BatchResult> {
  const { from, count, threads = availableParallelism(), failingMax = 10, signal, onProgress, ...batch } = options
  let next = 0
  let sofar: BatchResult = { seeds: 0, operations: 0, messages: 0, failing: [] }
  const isOver = (): boolean => next >= count || sofar.failing.length >= failingMax || signal?.aborted === true
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('worker.ts', import.meta.url))
    try {
      while (!isOver()) {
        const size = Math.min(SEEDS_A_BATCH, count - next)
        const first = from + next
        next += size
        const result = await ask(worker, { ...batch, from: first, count: size })
        sofar = sum(sofar, result)
        onProgress?.(sofar)
      }
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: Math.min(threads, Math.ceil(count / SEEDS_A_BATCH)) }, () => work()))
  return sofar
}

async function ask(worker: Worker, batch: Batch): Promise<BatchResult> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window, and takes no origin
  worker.postMessage(batch)
  // Rejects when the thread fails.
  const [result] = (await once(worker, 'message')) as [BatchResult]
  return result
}

function sum(left: BatchResult, right: BatchResult): BatchResult {
  return {
    seeds: left.seeds + right.seeds,
    operations: left.operations + right.operations,
    messages: left.messages + right.messages,
    failing: [...left.failing, ...right.failing].sort(bySeed),
  }
}

function bySeed(left: Failing, right: Failing): number {
  return left.seed - right.seed
}
