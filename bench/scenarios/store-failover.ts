import { type BenchScenario, withoutServer } from './scenario.ts'

/** The worst of all failovers: what takes the place has heard of nothing. */
export const storeFailover: BenchScenario = {
  name: 'store-failover',
  summary: 'the store is killed, and an empty one takes its place',
  breaks: 'store',
  skips: withoutServer,
}
