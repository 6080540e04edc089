/**
 * Stores that keep their promises are never accused: short runs, each with faults that its seed draws, within what the store
 * promises to survive. One cluster goes through all of them. A few of them here; a hundred with
 *
 *     NINELIVES_RUNS=100 npx ava packages/lab/test/never-accused.test.ts
 *
 * `NINELIVES_SEED` is the first seed; with NINELIVES_RUNS=1 it runs a run again.
 */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { decodeTrace, Judge, type Verdict } from '@ninelives/history'
import { findServer } from '../../src/cluster/servers/index.ts'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { DeadlineError, LabError } from '../../src/errors.ts'
import { campaign } from '../../src/campaign/campaign.ts'
import { labBreaker } from '../../src/campaign/lab-breaker.ts'
import type { Lab } from '../../src/lab.ts'
import { seededRandom } from '../../src/random.ts'
import { findStrategy } from '../../src/strategies.ts'
import { startLoad } from '../../src/users/load.ts'
import { startedLab } from '../fixtures/open-lab.ts'

const RUNS = Number(process.env['NINELIVES_RUNS'] ?? 1)
const FIRST_SEED = Number(process.env['NINELIVES_SEED'] ?? 1)
const KINDS = ['kill', 'pause', 'drain', 'crash']
const FAULTS_A_RUN = 2
const RUN_MAX_MS = 120_000

const load = { users: 30, tabs: 2, rate: 120 }
/** More than a run has, so that no two operations have one number. */
const OPERATIONS_A_RUN_MAX = 1_000_000

const server = findServer('redis', process.env['PATH'] ?? '')
if (server === undefined && process.env['CI'] === 'true') throw new Error('there is no redis-server on the PATH')

const ON_REDIS = ['redis', 'hybrid']

for (const name of ['replicated', 'database', ...ON_REDIS]) {
  const run = ON_REDIS.includes(name) && server === undefined ? test.skip : test.serial
  run(`${name} is not accused, whatever falls`, async (t) => {
    t.timeout(60_000 + RUNS * RUN_MAX_MS)
    const strategy = findStrategy(name)
    if (strategy === undefined) throw new Error(`there is no strategy ${name}`)
    const lab = await startedLab(t, {
      strategy,
      ...(ON_REDIS.includes(name) && server !== undefined ? { server } : {}),
      nodes: 3,
      programs: ownPrograms(),
      restartAfterMs: 500,
    })
    const sums = { operations: 0, landed: 0, missed: 0, doubtful: 0 }
    for (let run = 0; run < RUNS; run++) {
      const seed = FIRST_SEED + run
      const { anomalies, operations, faults, sessions, writes, doubts } = await judgedRun(lab, seed)
      t.deepEqual(anomalies, [], `seed ${seed}`)
      t.deepEqual([sessions.lost, writes.lost], [0, 0], `seed ${seed}`)
      t.true(operations.ok > 0, `seed ${seed}`)
      sums.operations += operations.ok + operations.failed + operations.unknown
      sums.landed += faults.landed
      sums.missed += faults.missed
      sums.doubtful += doubts.length > 0 ? 1 : 0
    }
    const { operations, landed, missed, doubtful } = sums
    t.log(
      `${RUNS} runs from seed ${FIRST_SEED} on: ${operations} operations, ${landed} faults landed, ${missed} did not,`,
    )
    t.log(`no anomaly; ${RUNS - doubtful} valid, ${doubtful} unknown`)
  })
}

const untold = (): void => undefined

/** On a machine that is too busy to have a node back in time the run shows less, and what it shows is judged all the same. */
function unlessLate(error: unknown): void {
  const isLate = error instanceof DeadlineError || (error instanceof LabError && error.code === 'NOT_HEALED')
  if (!isLate) throw error
}

/** All users start anew, and the verdict comes from this run's trace alone. */
async function judgedRun(lab: Lab, seed: number): Promise<Verdict> {
  const { trace, cluster } = lab
  const judge = new Judge()
  const [start] = decodeTrace(readFileSync(trace.path, 'utf8').split('\n', 1)[0] ?? '').events
  if (start !== undefined) judge.take(start)
  const unlisten = trace.listen((event) => judge.take(event))
  const users = startLoad({
    ...load,
    target: new URL(cluster.url),
    seed,
    firstOp: seed * OPERATIONS_A_RUN_MAX,
    now: () => Number(process.hrtime.bigint() - trace.originNs) / 1e6,
    onSecond: () => undefined,
    onOperations: (events) => events.forEach((event) => trace.append(event)),
  })
  try {
    const random = seededRandom(seed)
    const kinds = Array.from({ length: FAULTS_A_RUN }, () => KINDS[Math.floor(random() * KINDS.length)] ?? 'kill')
    const { signal } = new AbortController()
    await campaign(labBreaker(lab), { kinds, count: kinds.length, random, signal, onFault: untold }).catch(unlessLate)
    await users.settle(cluster.nodes.map(({ name, url }) => ({ name, url })))
  } finally {
    users.end()
    unlisten()
  }
  judge.take({ seq: 0, atMs: 0, type: 'run-ended', reason: 'all have looked' })
  return judge.verdict()
}
