/** What the largest clusters and crowds on one machine take, and what gave way: `npm run bench:scale`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flagsHelp, parseFlags, switchFlag, UsageError } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { namesFlag, outDirectory, outFlag } from '../harness/command/flags.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { aligned } from '../harness/command/table.ts'
import { environment } from '../harness/environment.ts'
import { clusteredSessions, crowdServed, idleCluster, idleConnections, replicatedSessions } from './measure.ts'
import { SCALE_SCHEMA, type ScaleResult, type ScaleRow, scaleRows, withScale } from './result.ts'

const NODES = 12
const SESSIONS = 1_000_000
const CONNECTIONS = 10_000
const CROWD = { users: 10_000, rate: 300 }
/** Nodes beneath the crowd. */
const FEW = 3

interface Step {
  readonly part: string
  readonly what: string
  readonly measure: () => Promise<ScaleRow>
}

const STEPS: readonly Step[] = [
  ...['replicated', 'clustered', 'redis'].map((strategy) => ({
    part: 'nodes',
    what: `${NODES} idle nodes, ${strategy}`,
    measure: async () => ({ of: 'nodes', strategy, nodes: NODES, ...(await idleCluster(strategy, NODES)) }) as const,
  })),
  ...['replicated', 'redis'].map((strategy) => ({
    part: 'users',
    what: `${CROWD.users} users, ${strategy}`,
    measure: async () =>
      ({ of: 'users', strategy, nodes: FEW, ...CROWD, ...(await crowdServed(strategy, FEW, CROWD)) }) as const,
  })),
  {
    part: 'sessions',
    what: `${SESSIONS.toLocaleString('en-US')} idle sessions, replicated`,
    measure: async () =>
      ({
        of: 'sessions',
        strategy: 'replicated',
        sessions: SESSIONS,
        ...(await replicatedSessions(SESSIONS)),
      }) as const,
  },
  {
    part: 'sessions',
    what: `${SESSIONS.toLocaleString('en-US')} idle sessions, clustered`,
    measure: async () =>
      ({
        of: 'sessions',
        strategy: 'clustered',
        sessions: SESSIONS,
        ...(await clusteredSessions(SESSIONS, NODES)),
      }) as const,
  },
  {
    part: 'connections',
    what: `${CONNECTIONS} idle connections`,
    measure: async () =>
      ({ of: 'connections', connections: CONNECTIONS, bytesEach: await idleConnections(CONNECTIONS) }) as const,
  },
]
const PARTS = [...new Set(STEPS.map(({ part }) => part))]

const RESULT = fileURLToPath(new URL('../results/scale.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../packages/sessions/SCALE.md', import.meta.url))
const COMMAND = 'npm run bench:scale'

const FLAGS = {
  parts: namesFlag(PARTS, `these (default ${PARTS.join()})`),
  out: outFlag,
  keep: switchFlag('puts the result into bench/results and its table into packages/sessions/SCALE.md'),
}

const HELP = `${COMMAND} -- [options]

What the largest clusters and crowds take on this machine, and what gave way: ${NODES} nodes, ${CROWD.users} users, ${SESSIONS} idle
sessions, ${CONNECTIONS} idle connections. It takes some ten minutes and 10 GB of memory.

${flagsHelp(FLAGS)}`

let left: string | undefined

benchMain(main, { left: () => left })

async function main(args: readonly string[]): Promise<void> {
  const values = parseFlags(COMMAND, FLAGS, args)
  if (values === 'help') return say(HELP)
  if (values.keep && values.parts !== undefined)
    throw new UsageError('--keep takes the result of all parts: leave --parts out')
  const startedAt = new Date()
  const out = outDirectory(values.out, startedAt)
  makeOut(out)
  const file = join(out, 'result.json')
  const where = environment(undefined, {})
  const rows: ScaleRow[] = []
  const result = (): ScaleResult => ({
    schema: SCALE_SCHEMA,
    startedAt: startedAt.toISOString(),
    environment: where,
    rows,
  })
  const steps = STEPS.filter(({ part }) => values.parts?.includes(part) ?? true)
  for (const [index, { what, measure }] of steps.entries()) {
    progress(`${index + 1} of ${steps.length}: ${what}`)
    rows.push(await measure().catch((error: Error) => ({ of: 'failed', what, why: firstLine(error.message) }) as const))
    writeFileSync(file, `${JSON.stringify(result(), undefined, 2)}\n`)
    left = `what was measured is in ${file}`
  }
  const table = scaleRows(result())
  say(`\n${aligned(table, 1)}\nWritten to ${file}`)
  if (!values.keep) return
  writeFileSync(RESULT, `${JSON.stringify(result(), undefined, 2)}\n`)
  writeFileSync(PAGE, withScale(readFileSync(PAGE, 'utf8'), result()))
  say('The table of packages/sessions/SCALE.md is up to date')
}

/** What a process of the bench reports has its stack behind it. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
