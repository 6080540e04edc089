import { type BenchScenario, withoutServer } from './scenario.ts'

export const slowStore: BenchScenario = {
  name: 'slow-store',
  summary: 'every answer of the store comes 5 ms late; a node is killed',
  breaks: 'kill',
  slowStore: true,
  skips: withoutServer,
}
