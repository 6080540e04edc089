/**
 * What a request costs with the session layer, beside the session layers that people use: CPU time of the process that
 * serves it, latency, round trips to Redis, and what an idle session takes in memory. METHOD.md explains the method.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { readPlanOptions } from '../harness/command/plan-options.ts'
import { writeResult } from '../harness/command/result-file.ts'
import { environment } from '../harness/environment.ts'
import { measureBlocks } from '../harness/experiment.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { benchRedis, type BenchRedis } from '../harness/redis.ts'
import { OURS, OURS_AGAIN } from '../harness/command/subject-figures.ts'
import { idleSessions } from './idle-sessions.ts'
import { loadProcess, REQUEST_KINDS } from './load.ts'
import { withSessions } from './page.ts'
import { type Found, type Options, sessionsResult } from './result.ts'
import { countedRoundTrips, type RoundTrips } from './round-trips.ts'
import { startSubject, type Subject } from './subject.ts'
import { SUBJECTS } from './subjects.ts'
import { sessionsTable } from './table.ts'

const BENCH = {
  command: 'npm run bench:sessions',
  about:
    'What a request costs with @ninelives/sessions, beside other session layers. It needs a Redis: REDIS_URL, or a private redis-server from the PATH.',
  full: { warmUpRequests: 10_000, blocks: 20, requests: 2_000 },
  quick: { warmUpRequests: 3_000, blocks: 8, requests: 1_000 },
  subjects: SUBJECTS,
  always: [OURS, OURS_AGAIN],
  keeps: 'bench/results, and its table into docs/stores/README.md',
}

const RESULT = fileURLToPath(new URL('../results/sessions.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/stores/README.md', import.meta.url))

benchMain(async (args) => {
  const startedAt = new Date()
  const options = readPlanOptions(BENCH, args)
  if (options === undefined) return
  makeOut(options.out)
  if (options.subjects.some(({ installed }) => installed)) await installPeers(say)
  const redis = await benchRedis()
  try {
    const result = sessionsResult({ startedAt, options, ...(await measured(options, redis)) })
    writeResult(options.out, result, sessionsTable(result))
    if (!options.keep) return
    writeFileSync(RESULT, `${JSON.stringify(result)}\n`)
    writeFileSync(PAGE, withSessions(readFileSync(PAGE, 'utf8'), result))
    say('The table of docs/stores/README.md is up to date')
  } finally {
    redis.stop()
  }
})

async function measured(options: Options, redis: BenchRedis): Promise<Omit<Found, 'startedAt' | 'options'>> {
  const where = environment(redis.version, packageVersions(options.subjects))
  const load = await loadProcess()
  const subjects: Subject[] = []
  try {
    for (const spec of options.subjects) subjects.push(await startSubject(spec, redis.url, load))
    const blocks = await measureBlocks(subjects, REQUEST_KINDS, options, seededRandom(options.seed), progress)
    progress('counting round trips')
    const roundTrips = new Map<string, RoundTrips | undefined>()
    for (const spec of options.subjects) roundTrips.set(spec.name, await countedRoundTrips(spec, redis.url, load))
    progress('filling a memory store')
    return { environment: where, blocks, roundTrips, idleSessions: await idleSessions() }
  } finally {
    for (const subject of subjects) subject.stop()
    load.stop()
  }
}
