/**
 * What a request costs with the session layer, beside the session layers that people use: CPU time of the process that
 * serves it, latency, round trips to Redis, and what an idle session takes in memory. METHOD.md says why the figures can
 * be believed, and what they do not say.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { readConfig } from '../harness/config.ts'
import { environment } from '../harness/environment.ts'
import { measureBlocks } from '../harness/experiment.ts'
import { idleSessions } from './idle-sessions.ts'
import { type Load, loadProcess, REQUEST_KINDS } from './load.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { benchRedis, type BenchRedis } from '../harness/redis.ts'
import { HELP, type Options, readOptions } from './options.ts'
import { countedRoundTrips, type RoundTrips } from './round-trips.ts'
import { type Found, sessionsResult } from './result.ts'
import { sessionsTable } from './table.ts'
import { seededRandom } from '../harness/statistics.ts'
import { startSubject, type Subject } from './subject.ts'

async function main(args: readonly string[]): Promise<void> {
  const startedAt = new Date()
  const options = readOptions(args, startedAt)
  if (options === undefined) return say(HELP)
  makeOut(options.out)
  const { redisUrl } = readConfig(process.env)
  if (options.subjects.some(({ installed }) => installed)) await installPeers(say)
  const redis = await benchRedis(redisUrl)
  try {
    const found = { startedAt, options, ...(await measured(options, redis)) }
    report(found)
  } finally {
    redis.stop()
  }
}

async function measured(options: Options, redis: BenchRedis): Promise<Omit<Found, 'startedAt' | 'options'>> {
  const packages = packageVersions([...new Set(options.subjects.flatMap((subject) => subject.packages))])
  const where = environment(redis.version, packages)
  const load = await loadProcess()
  const subjects: Subject[] = []
  try {
    for (const spec of options.subjects) subjects.push(await startSubject(spec, redis.url, load))
    const blocks = await measureBlocks(subjects, REQUEST_KINDS, options, seededRandom(options.seed), progress)
    progress('counting round trips')
    const roundTrips: [string, RoundTrips | undefined][] = []
    for (const spec of options.subjects) {
      roundTrips.push([spec.name, await countedRoundTrips(spec, redis.url, load)])
    }
    progress('filling a memory store')
    return { environment: where, blocks, roundTrips: new Map(roundTrips), idleSessions: await idleSessions() }
  } finally {
    stopAll(subjects, load)
  }
}

function stopAll(subjects: readonly Subject[], load: Load): void {
  for (const subject of subjects) subject.stop()
  load.stop()
}

function report(found: Found): void {
  const result = sessionsResult(found)
  const path = join(found.options.out, 'result.json')
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`)
  progress('done')
  say(`\n${sessionsTable(result)}\nWritten to ${path}`)
}

benchMain(main)
