/**
 * The bench of the strategies: which strategy, at what cost, losing what. METHOD.md explains how the figures are found, and their
 * limits.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { EXIT_INTERRUPTED, UsageError } from '@ninelives/lab'
import { benchMain, progress, say } from './harness/command/command.ts'
import { environment } from './harness/environment.ts'
import { measureTheMeasurer } from './self-check/measurer.ts'
import { untilQuiet } from './harness/processes/quiet.ts'
import { installPeers, packageVersions } from './harness/peers.ts'
import { benchRedis } from './harness/redis.ts'
import { compareTable } from './report/compare-table.ts'
import { writeComparison, writeReport } from './report/index.ts'
import { readResult } from './report/read-result.ts'
import type { BenchResult } from './result.ts'
import { contestantsOf, readStrategiesOptions, type RunOptions, STRATEGIES_HELP } from './strategies/options.ts'
import { strategiesResult } from './strategies/run-result.ts'
import { beginRun, headOf, refuseOtherPrograms, runBlocks, type RunHead } from './strategies/run.ts'
import { strategiesTable } from './strategies/table.ts'

const RESULT_FILE = 'result.json'
const stop = new AbortController()

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--matrix')) return await (await import('./matrix/main.ts')).matrix(args, stop.signal)
  const asked = readStrategiesOptions(args, new Date())
  if (asked.to === 'help') say(STRATEGIES_HELP)
  else if (asked.to === 'measure-the-measurer') await measureTheMeasurer({ seed: asked.seed, say })
  else if (asked.to === 'compare') await compare(asked.base, asked.other)
  else if (asked.to === 'resume') await run(begunRun(asked.out))
  else {
    await untilQuiet(asked.waitMinutes, asked.options.operationsPerSecond, { say, progress, signal: stop.signal })
    await run(await newRun(asked.options))
  }
}

async function newRun(options: RunOptions): Promise<RunHead> {
  const contestants = contestantsOf(options)
  if (contestants.some(({ installed, missing }) => installed && missing === undefined)) await installPeers(say)
  const packages = packageVersions(contestants)
  const where = environment(await redisVersion(contestants), packages)
  const head = { startedAt: new Date().toISOString(), environment: where, options }
  beginRun(head)
  return head
}

function begunRun(out: string): RunHead {
  const head = headOf(out)
  refuseOtherPrograms(head, environment(head.environment.redis, head.environment.packages))
  return head
}

/** Of the Redis that the strategies use. */
async function redisVersion(contestants: ReturnType<typeof contestantsOf>): Promise<string | undefined> {
  const isWanted = ({ strategy: { store }, missing }: (typeof contestants)[number]): boolean =>
    missing === undefined && typeof store === 'object' && 'server' in store
  if (!contestants.some(isWanted)) return undefined
  const redis = await benchRedis()
  redis.stop()
  return redis.version
}

async function run(head: RunHead): Promise<void> {
  const { options } = head
  const { out } = options
  progress(`seed ${options.seed}, into ${out}`)
  try {
    const blocks = await runBlocks(options, stop.signal, progress)
    await report(strategiesResult(head, blocks, new Date().toISOString()), out)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    say(`\nStopped. The blocks that had ended are kept: npm run bench -- --resume ${out}`)
    process.exitCode = EXIT_INTERRUPTED
  }
}

async function report(result: BenchResult, out: string): Promise<void> {
  const path = join(out, RESULT_FILE)
  writeFileSync(path, `${JSON.stringify(result)}\n`)
  progress('done')
  say(`\n${strategiesTable(result)}\nWritten to ${path}`)
  const page = join(out, 'report.html')
  await writeReport(result, page)
  say(`The report: ${page}`)
}

async function compare(base: string, other: string | undefined): Promise<void> {
  const [one, two] = [readResult(resultIn(base)), readResult(resultIn(other ?? newestRun(base)))]
  const page = join(tmpdir(), `ninelives-compare-${process.pid}.html`)
  say(compareTable(one, two))
  await writeComparison(one, two, page)
  say(`As a page: ${page}`)
}

/** Takes a run's directory, or its result. */
function resultIn(path: string): string {
  return path.endsWith('.json') ? path : join(path, RESULT_FILE)
}

/** In the default directory. */
function newestRun(base: string): string {
  const where = join('.ninelives', 'bench')
  const runs = existsSync(where) ? readdirSync(where).sort() : []
  const found = runs.map((run) => join(where, run)).filter((run) => existsSync(join(run, RESULT_FILE)))
  const newest = found.findLast((run) => resolve(run) !== resolve(base) && isOfStrategies(join(run, RESULT_FILE)))
  if (newest === undefined) throw new UsageError(`there is no run in ${where} to compare with ${base}; name one`)
  return newest
}

function isOfStrategies(path: string): boolean {
  try {
    readResult(path)
    return true
  } catch {
    return false
  }
}

benchMain(main, { stop })
