/** What users lose when the disk of a real store is full. */
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

async function proved(t: ExecutionContext, ...args: string[]): Promise<{ verdict: Verdict; stdout: string }> {
  const directory = scratch(t)
  const small = ['--users', '24', '--rate', '60', '--tabs', '1', '--seed', '5', '--kills', '2', '--logs', directory]
  const command = run(t, ['prove', '--faults', 'full-disk', ...small, ...args])
  await command.exited
  const { stdout, stderr } = command.output
  const verdict = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
  t.is(verdict.faults.landed, 2, stdout + stderr)
  return { verdict, stdout }
}

const stores = [
  { name: 'SQLite', server: undefined, args: ['--strategy', 'database', '--database', 'sqlite'] },
  { name: 'Redis', server: 'redis', args: ['--strategy', 'redis', '--durability', 'everysec'] },
  { name: 'PostgreSQL', server: 'postgres', args: ['--strategy', 'database', '--database', 'postgres'] },
  { name: 'MariaDB', server: 'mariadb', args: ['--strategy', 'database', '--database', 'mariadb'] },
] as const

for (const { name, server, args } of stores) {
  const isHere = missing === undefined && (server === undefined || findServer(server, searchPath) !== undefined)
  const runs = isHere ? test.serial : test.skip
  runs(`${name} with a full disk loses nothing, and takes changes again once there is room`, async (t) => {
    const { verdict, stdout } = await proved(t, ...args)
    t.is(verdict.verdict, 'valid', stdout)
    t.is(verdict.sessions.lost, 0)
    t.is(verdict.writes.lost, 0)
  })
}

test('what is never on a full disk is refused before the start, with the reason', async (t) => {
  for (const [args, line] of [
    [['--strategy', 'redis'], /writes nothing; add --durability everysec/],
    [['--strategy', 'memcached'], /Memcached has nothing on disk/],
    [['--strategy', 'replicated'], /there is no store server that the lab starts/],
  ] as const) {
    if (args[1] !== 'replicated' && findServer(args[1], searchPath) === undefined) continue
    const command = run(t, ['prove', '--faults', 'full-disk', ...args])
    t.is(await command.exited, 2)
    t.regex(command.output.stderr, line)
  }
})
