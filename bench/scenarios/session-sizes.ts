import type { BenchScenario } from './scenario.ts'

const SIZES = { '200': 200, '4k': 4 * 1_024, '64k': 64 * 1_024 }

export const sessionSizes: readonly BenchScenario[] = Object.entries(SIZES).map(([name, sessionBytes]) => ({
  name: `session-${name}`,
  summary: `${sessionBytes} bytes in each session beside the shop's own; a node is killed`,
  breaks: 'kill',
  sessionBytes,
}))
