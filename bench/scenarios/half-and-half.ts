import type { BenchScenario } from './scenario.ts'

/** The default of the lab's users: each write is followed by a look whether it is there. */
export const halfAndHalf: BenchScenario = {
  name: 'half-and-half',
  summary: 'a look after each write; a node is killed',
  breaks: 'kill',
}
