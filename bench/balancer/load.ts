/** The load on a balancer, from the side of the runner; the process that makes it is load-process.ts. */
import { worker } from '../harness/processes/worker.ts'

/** A closed loop of GET or POST at nodes that echo, or of GET /api/cart at the shop's; or a fixed rate at nodes that echo. */
export const LOAD_KINDS = ['get', 'post', 'shop', 'paced'] as const
export type LoadKind = (typeof LOAD_KINDS)[number]

export interface LoadTask {
  readonly port: number
  readonly kind: LoadKind
  readonly requests: number
}

export interface LoadResult {
  /** Answered with 200 and the expected echo, or cart. */
  readonly requests: number
  readonly p50Micros: number
  readonly p99Micros: number
}

export interface Load {
  run(task: LoadTask): Promise<LoadResult>
  stop(): void
}

/** Each with a connection of its own. With fewer, what a balancer keeps of each request in flight hardly shows: see METHOD.md. */
export const CLIENTS = 24
/** Of the paced load. */
export const PACE_PER_SECOND = 300

export async function balancerLoad(): Promise<Load> {
  const load = await worker({ name: 'the load', file: new URL('load-process.ts', import.meta.url) })
  return { run: (task) => load.ask<LoadResult>(task), stop: () => load.stop() }
}
