import type { BenchScenario } from './scenario.ts'

const COUNTS = [1, 1_000, 100_000]

/** What a node must be told when it comes back, and what memory the sessions take. */
export const liveSessions: readonly BenchScenario[] = COUNTS.map((count) => ({
  name: `live-${count}`,
  summary: `${count.toLocaleString('en-US')} ${count === 1 ? 'session that is' : 'sessions that are'} open beside the users' own; a node is killed`,
  breaks: 'kill',
  liveSessions: count,
}))
