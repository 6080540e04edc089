import type { BenchScenario } from './scenario.ts'

/** A store that writes whole sessions loses writes here without any fault. */
export const tabs: BenchScenario = {
  name: 'tabs',
  summary: 'three tabs a user, which write to one session at once; a node is killed',
  breaks: 'kill',
  tabs: 3,
}
