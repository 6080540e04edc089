/** Users who shop at a fixed rate, from the side of the runner; the process that makes them is load-process.ts. */
import { worker } from '../harness/processes/worker.ts'

export type LoadTask =
  | { readonly logIn: { readonly url: string; readonly users: number } }
  | { readonly shop: { readonly perSecond: number; readonly seconds: number } }

export interface LoadResult {
  /** Answered, each with what its cart must hold. */
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface CostLoad {
  logIn(url: string, users: number): Promise<void>
  /** Half of the requests look at the cart, half add to it. */
  shop(perSecond: number, seconds: number): Promise<LoadResult>
  stop(): void
}

export async function costLoad(): Promise<CostLoad> {
  const load = await worker({ name: 'the load', file: new URL('load-process.ts', import.meta.url) })
  const ask = <Answer>(task: LoadTask): Promise<Answer> => load.ask<Answer>(task)
  return {
    logIn: async (url, users) => void (await ask({ logIn: { url, users } })),
    shop: (perSecond, seconds) => ask<LoadResult>({ shop: { perSecond, seconds } }),
    stop: () => load.stop(),
  }
}
