/** What real stores keep when their machine loses its power. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge, type Verdict } from '@ninelives/history'
import { findServer } from '../../src/cluster/servers/index.ts'
import { whyNoPower } from '../../src/power/power.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const searchPath = process.env['PATH'] ?? ''
const missing = whyNoPower(searchPath)
if (missing !== undefined && process.env['CI'] === 'true') throw new Error(missing)

async function verdictOf(t: ExecutionContext, ...args: string[]): Promise<Verdict> {
  const directory = scratch(t)
  const small = ['--users', '24', '--rate', '60', '--tabs', '1', '--seed', '5', '--kills', '2', '--logs', directory]
  const command = run(t, ['prove', '--faults', 'power', ...small, ...args])
  await command.exited
  const verdict = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
  t.is(verdict.faults.landed, 2, command.output.stdout + command.output.stderr)
  return verdict
}

const LOSSES: ReadonlySet<string> = new Set(['lost-session', 'lost-write', 'lost-update', 'amnesia'])

function losses({ anomalies }: Verdict): string[] {
  return anomalies.map(({ kind }) => kind).filter((kind) => LOSSES.has(kind))
}

const strategies = [
  { name: 'Redis', server: 'redis', args: ['--strategy', 'redis'], loses: 'none', keeps: 'always' },
  {
    name: 'SQLite',
    server: undefined,
    args: ['--strategy', 'database', '--database', 'sqlite'],
    loses: 'normal',
    keeps: 'full',
  },
  {
    name: 'PostgreSQL',
    server: 'postgres',
    args: ['--strategy', 'database', '--database', 'postgres'],
    loses: undefined,
    keeps: 'on',
  },
] as const

for (const { name, server, args, loses, keeps } of strategies) {
  const isHere = missing === undefined && (server === undefined || findServer(server, searchPath) !== undefined)
  const runs = isHere ? test.serial : test.skip
  runs(`${name} with ${keeps} keeps what was acknowledged`, async (t) => {
    t.deepEqual(losses(await verdictOf(t, ...args, '--durability', keeps)), [])
  })
  if (loses === undefined) continue
  runs(`${name} with ${loses} loses some of it, so the fault has bitten`, async (t) => {
    t.not(losses(await verdictOf(t, ...args, '--durability', loses)).length, 0)
  })
}

const refused = test.macro(async (t, args: string[], line: RegExp) => {
  const command = run(t, ['prove', ...args])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
})

test('a store without a file', refused, ['--faults', 'power'], /--faults power can't fall: there is no store server/)
test(
  'a durability of another store',
  refused,
  ['--strategy', 'database', '--database', 'sqlite', '--durability', 'always'],
  /--durability of database takes full or normal, not "always"/,
)
test(
  'a durability of no store',
  refused,
  ['--durability', 'on'],
  /--durability of replicated is for a store that keeps/,
)
