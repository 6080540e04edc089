import type { BenchScenario } from './scenario.ts'

export const readMostly: BenchScenario = {
  name: 'read-mostly',
  summary: 'nine looks for each write; a node is killed',
  breaks: 'kill',
  readShare: 0.9,
}
