import type { BenchScenario } from './scenario.ts'

/** As the lab's users are: each write is followed by a look whether it is there. */
export const halfAndHalf: BenchScenario = {
  name: 'half-and-half',
  summary: 'a look after each write; a node is killed',
  breaks: 'kill',
}
