/** The words of the page of what each strategy survives, in English. `korean.ts` has them in Korean. */
import { strategies } from '@ninelives/lab'
import { columns } from '../matrix/columns.ts'
import { boundOfFaults, UNSEEN_OF_100 } from '../matrix/result.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'

/** What the page says of the run as a whole. */
export interface Measured {
  readonly users: number
  readonly operationsPerSecond: number
  readonly faults: number
  readonly processor: string
  readonly node: string
  readonly date: string
}

export interface Words {
  readonly introduction: string
  method(measured: Measured): string
  legend(faults: number): string
  readonly strategiesHead: string
  readonly peersHead: string
  /** Empty for a variant of a strategy. */
  aboutRow(row: string): string
  aboutColumn(column: string): string
  readonly survives: string
  readonly doesNotSurvive: string
  readonly unproven: string
  readonly canNotHave: string
  faults(count: number): string
  nothingLost(sessions: number, writes: number): string
  byFaults(text: string, faults: number, bound: number): string
  by(faults: number): string
  sessionsLost(lost: number, begun: number): string
  writesLost(lost: number, acknowledged: number): string
  doneTwice(times: number): string
  anomaly(kind: string, times: number): string
  failed(failed: number, of: number): string
  didNotRun(reason: string): string
  inDoubt(reason: string): string
  whyNot(reason: string): string
  readonly beforeReplicaWaited: string
  readonly proofsHead: string
  over(database: string): string
  withWrite(write: string): string
  lostInAll(sessions: readonly [number, number], writes: readonly [number, number]): string
  trust(rows: readonly (readonly string[])[]): string
  caught(caught: number, of: number): string
  readonly notShown: string
  readonly priorArt: string
}

export const ENGLISH: Words = {
  introduction: `# What each strategy survives, and what is unproven

_\`npm run bench:safety\` writes this page from the published results in [bench/results](../../bench/results)._`,
  method: ({ users, operationsPerSecond, faults, processor, node, date }) =>
    `Virtual users use a shop behind three nodes while faults fall, and keep what they were told. What is said here is what they saw: ${users} users, ${operationsPerSecond} operations a second, up to ${faults} faults a cell, ${processor}, Node ${node}, ${date}. [Where to keep sessions](choosing.md) says how to choose, and [the README](../../README.md) has all cells in one picture.`,
  legend: (
    faults,
  ) => `- **Survives**: no session and no acknowledged write was lost, nothing was done twice, nothing was read that was old or ended. “≤ ${percent(boundOfFaults(faults))} %” is what ${ENGLISH.faults(faults)} without a loss can prove: if a fault lost something more often than that, a run like this would have shown none in fewer than ${UNSEEN_OF_100} of 100 trials. It is no claim that so many are lost.
- **Failed** operations were refused, or got no answer. Their users were told so, and nothing that had been acknowledged is missing.
- **Does not survive**: something was lost, done twice, or wrong, with the counts.
- **Unproven**: the run could not tell, for the reason that it names. That says nothing for the strategy, and nothing against it.
- **Can not have**: the fault has nothing to fall on. A store of your own in the place of the lab's has not been tried.`,
  strategiesHead: '## The strategies',
  peersHead: '## What else people run',
  aboutRow: (row) => {
    const summary = strategies.find(({ name }) => name === row)?.summary ?? ''
    return summary === '' ? '' : `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`
  },
  aboutColumn: (column) => columns.find(({ name }) => name === column)?.about ?? column,
  survives: 'Survives',
  doesNotSurvive: 'Does not survive',
  unproven: 'Unproven',
  canNotHave: 'Can not have',
  faults: (count) => `${n(count)} ${count === 1 ? 'fault' : 'faults'}`,
  nothingLost: (sessions, writes) => `nothing lost of ${n(sessions)} sessions and ${n(writes)} writes`,
  byFaults: (text, faults, bound) => `${text} by ${ENGLISH.faults(faults)} (≤ ${percent(bound)} %)`,
  by: (faults) => `by ${ENGLISH.faults(faults)}`,
  sessionsLost: (lost, begun) => `${n(lost)} of ${n(begun)} sessions lost`,
  writesLost: (lost, acknowledged) => `${n(lost)} of ${n(acknowledged)} acknowledged writes lost`,
  doneTwice: (times) => `${n(times)} done twice`,
  anomaly: (kind, times) => `${kind} ${times === 1 ? 'once' : `${n(times)} times`}`,
  failed: (failed, of) => `${n(failed)} of ${n(of)} operations failed`,
  didNotRun: (reason) => `it did not run: ${reason}`,
  inDoubt: (reason) => `in doubt, because ${reason}`,
  whyNot: (reason) => reason,
  beforeReplicaWaited: "measured with an asynchronous replica, while the lab's PostgreSQL now waits for its replica",
  proofsHead: 'By `prove`, one longer run each:',
  over: (database) => `over ${database}`,
  withWrite: (write) => `with --write ${write}`,
  lostInAll: ([sessions, begun], [writes, acknowledged]) =>
    `${n(sessions)} of ${n(begun)} sessions and ${n(writes)} of ${n(acknowledged)} writes lost`,
  trust: (rows) => `## How far to trust a verdict

A run that finds nothing is worth something only if such a run finds what is there. Each of these is broken on purpose in one way, and is run
by \`prove\` alone, with several seeds. \`npm run prove:broken -- --out bench/results/broken.json\` runs what that file has not, and then
\`npm run bench:safety\` makes the table again.

${markdownTable([['broken on purpose', 'must be found as', 'was, in so many runs'], ...rows])}`,
  caught: (caught, of) => `${caught} of ${of}`,
  notShown: `## What no run here shows

- All processes are on one machine. The network between them breaks where the lab breaks it (latency, resets, partitions); a real network
  breaks in more ways.
- A rolling deploy restarts the same version. Two versions side by side are not in the matrix; for two given ones
  [\`prove --other-version\`](../../packages/lab/README.md#prove) shows whether sessions cross both ways.
- Losses of power are not in the matrix: [the lab's README](../../packages/lab/README.md#faults) has what was seen of them.
- A full disk is not in the matrix: \`prove --faults full-disk\` plays one, and [a test of each database](../../packages/sessions/test/stores/database/full-disk.test.ts)
  fills one. A disk that lies about what it has synced, and data that rots, are not tested at all.
- Runs last minutes. What takes days to show, such as a leak of memory, does not show.`,
  priorArt: `## Who did this before

- **[clusterbench](https://github.com/clusterbench/clusterbench)** is an application for clusters of Java servers: each servlet counts its calls in the session.
  Its JMeter client compares the count with its own and reports a mismatch as \`INVALID-SERIAL\`. On any error it drops its cookie and begins to
  count anew, so that a session that is lost behind an error is not counted. Here an operation that fails leaves its user with what it knew, and the next answer is compared with that.
- **Keycloak's [\`SessionFailoverClusterTest\`](https://github.com/keycloak/keycloak/blob/ecd43b181d9e53965379b544a011cef4f828852b/testsuite/integration-arquillian/tests/base/src/test/java/org/keycloak/testsuite/cluster/SessionFailoverClusterTest.java)**
  logs one user in, stops a node in good order, and expects the session on another node. It is a test of one session. Here there are many users who write while it happens, and nodes that get no time to say goodbye.
- **[Jepsen](https://jepsen.io/)** taught the method: generate operations, break the system meanwhile, record a history, and let checkers judge that history alone, with _unknown_
  as a verdict of its own. It judges databases. The checkers here are about sessions: what a browser with two tabs, a logout, or a login sees.

Neither of the first two gives a rate of loss with its interval, or looks at tabs, at sessions that come back, or at requests that are done twice.`,
}

export function n(number: number): string {
  return number.toLocaleString('en-US')
}

export function percent(share: number): number {
  return Math.round(100 * share)
}
