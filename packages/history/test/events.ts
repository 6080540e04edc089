import type { EventBody, RunStarted, TraceEvent, UsersSecond } from '../src/index.ts'

export const runStarted: RunStarted = {
  type: 'run-started',
  schema: 1,
  run: 'run-1',
  startedAtMs: 1_700_000_000_000,
  seed: 7,
  strategy: {
    name: 'sticky',
    routing: 'affinity',
    summary: 'each session in one node',
    onNodeDeath: 'its users are logged out',
  },
  store: 'memory:',
  balancerUrl: 'http://127.0.0.1:8080',
  nodes: [
    { name: 'a', url: 'http://127.0.0.1:21001' },
    { name: 'b', url: 'http://127.0.0.1:21002' },
  ],
  restartAfterMs: 1_500,
  users: 10,
  rate: 20,
}

export const goodSecond: UsersSecond = {
  type: 'users-second',
  sent: 20,
  ok: 20,
  failed: {},
  unknown: {},
  loggedOut: 0,
  lost: 0,
  users: { all: 10, loggedIn: 10, intact: 10 },
  byNode: { a: 12, b: 8 },
  latencyMs: { p50: 2, p99: 9 },
  lateMs: 0.4,
}

/** Numbers the events and spaces them 100 ms apart. */
export function stamped(...bodies: EventBody[]): TraceEvent[] {
  return bodies.map((body, index) => Object.assign({ seq: index, atMs: index * 100 }, body))
}
