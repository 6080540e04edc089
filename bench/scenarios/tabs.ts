import type { BenchScenario } from './scenario.ts'

/** What a store that writes whole sessions loses without any fault. */
export const tabs: BenchScenario = {
  name: 'tabs',
  summary: 'three tabs a user, which write to one session at once; a node is killed',
  breaks: 'kill',
  tabs: 3,
}
