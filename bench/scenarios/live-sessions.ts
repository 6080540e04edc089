import type { BenchScenario } from './scenario.ts'

const COUNTS = [1, 1_000, 100_000]

/** A node that comes back must fetch them, and they take memory. */
export const liveSessions: readonly BenchScenario[] = COUNTS.map((count) => ({
  name: `live-${count}`,
  summary: `${count.toLocaleString('en-US')} ${count === 1 ? 'session that is' : 'sessions that are'} open beside the users' own; a node is killed`,
  breaks: 'kill',
  liveSessions: count,
}))
