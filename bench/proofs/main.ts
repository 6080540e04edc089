/** Proves every strategy and writes the tables of README.md and docs/stores: `npm run bench:proofs`. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags, requireRoom, RUN_BYTES, strategies, switchFlag, UsageError } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { namesFlag } from '../harness/command/flags.ts'
import { environment } from '../harness/environment.ts'
import { startChild } from '../harness/processes/children.ts'
import { nameOf, plans, type Proof, type ProofPlan, type Proofs, PROOFS_SCHEMA, proveArguments } from './proofs.ts'
import { pagesWithTables, withStrategies } from './table.ts'

const RESULT = fileURLToPath(new URL('../results/strategies.json', import.meta.url))
const CLI = fileURLToPath(new URL('../../packages/lab/src/cli.ts', import.meta.url))
const RUN_MAX_MS = 900_000

const COMMAND = 'npm run bench:proofs'

const FLAGS = {
  strategies: namesFlag(
    strategies.map(({ name }) => name),
    'only these strategies; the others stay as they are in the result',
  ),
  table: switchFlag('proves nothing, and writes the tables from the kept result'),
}

const HELP = `${COMMAND} -- [flags]

Proves every strategy by kills, pauses and faults of its store, keeps the verdicts in bench/results, and writes the tables of README.md and
docs/stores. It takes some forty minutes.

${flagsHelp(FLAGS)}`

/** A private server each, whatever the environment names. */
const { REDIS_URL: _redis, DATABASE_URL: _database, MEMCACHED_URL: _memcached, ...PLAIN } = process.env

async function prove(plan: ProofPlan): Promise<Proof> {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-proof-'))
  try {
    const child = startChild(process.execPath, [CLI, ...proveArguments(plan, directory)], {
      env: PLAIN,
      timeout: RUN_MAX_MS,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await once(child, 'exit')
    const file = join(directory, 'verdict.json')
    if (!existsSync(file)) throw new UsageError(`${nameOf(plan)} gave no verdict`)
    const { seed, verdict, faults, operations, sessions, writes, anomalies, doubts } = JSON.parse(
      readFileSync(file, 'utf8'),
    ) as Proof
    const kinds = anomalies.map(({ kind, times }) => ({ kind, times }))
    return { ...plan, seed, verdict, faults, operations, sessions, writes, anomalies: kinds, doubts }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function kept(): Proofs['proofs'] {
  return existsSync(RESULT) ? (JSON.parse(readFileSync(RESULT, 'utf8')) as Proofs).proofs : []
}

async function main(given: readonly string[]): Promise<void> {
  const values = parseFlags(COMMAND, FLAGS, given)
  if (values === 'help') return say(HELP)
  if (!values.table) await proveAll(values.strategies)
  const result = JSON.parse(readFileSync(RESULT, 'utf8')) as Proofs
  for (const page of pagesWithTables()) writeFileSync(page, withStrategies(readFileSync(page, 'utf8'), result))
  say('The tables of the strategies in README.md and docs/stores are up to date')
}

async function proveAll(names: readonly string[] | undefined): Promise<void> {
  requireRoom(tmpdir(), RUN_BYTES, 'set TMPDIR to a directory on another disk')
  const { processor, node } = environment(undefined, {})
  const chosen = plans.filter(({ strategy }) => names?.includes(strategy) ?? true)
  for (const plan of chosen) {
    progress(`${nameOf(plan)} ...`)
    const proof = await prove(plan)
    progress(`${nameOf(plan)}: ${proof.verdict}`)
    const before = new Map(kept().map((each) => [nameOf(each), each]))
    const proofs = plans.flatMap((each) => (each === plan ? proof : (before.get(nameOf(each)) ?? [])))
    writeFileSync(RESULT, `${JSON.stringify({ schema: PROOFS_SCHEMA, processor, node, proofs }, undefined, 2)}\n`)
  }
}

benchMain(main)
