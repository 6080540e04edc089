import type { BenchScenario } from './scenario.ts'

export const writeHeavy: BenchScenario = {
  name: 'write-heavy',
  summary: 'nine writes for each look; a node is killed',
  breaks: 'kill',
  readShare: 0.1,
}
