import { type BenchScenario, withoutServer } from './scenario.ts'

/** The worst failover: the new store is empty. */
export const storeFailover: BenchScenario = {
  name: 'store-failover',
  summary: 'the store is killed, and an empty one takes its place',
  breaks: 'store',
  skips: withoutServer,
}
