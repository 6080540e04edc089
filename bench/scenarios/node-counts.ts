import type { BenchScenario } from './scenario.ts'

const COUNTS = [1, 3, 6, 12]

export const nodeCounts: readonly BenchScenario[] = COUNTS.map((nodes) => ({
  name: `nodes-${nodes}`,
  summary: `${nodes} ${nodes === 1 ? 'node' : 'nodes'}; one is killed`,
  breaks: 'kill',
  nodes,
}))
