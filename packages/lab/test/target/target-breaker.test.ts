/** What becomes of a target that a command broke and the start command does not mend. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, type TraceEvent } from '@ninelives/history'
import { Warden } from '../../src/supervise/warden.ts'
import { Shell } from '../../src/target/shell.ts'
import { TargetBreaker } from '../../src/target/target-breaker.ts'
import { testTrace } from '../fixtures/trace.ts'

interface Broken {
  readonly breaker: TargetBreaker
  readonly warnings: readonly string[]
  /** How often the start command was run. */
  readonly starts: () => number
  readonly faults: () => readonly TraceEvent[]
}

interface Manner {
  /** Of the start command, each time that it is run. */
  readonly start: string
  /** How often that has to be run until the target answers. */
  readonly mendedBy: number
  readonly isNamed?: boolean
  readonly kill?: string
}

async function broken(t: ExecutionContext, { start, mendedBy, isNamed = true, kill }: Manner): Promise<Broken> {
  const trace = testTrace(t)
  const directory = path.dirname(trace.path)
  const log = path.join(directory, 'starts')
  const starts = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0)
  const server = createServer((_request, response) => response.writeHead(starts() >= mendedBy ? 200 : 503).end('{}'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const warden = new Warden()
  t.teardown(async () => {
    server.close()
    server.closeAllConnections()
    await warden.close()
  })
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const warnings: string[] = []
  const breaker = new TargetBreaker({
    target: new URL(url),
    nodes: isNamed ? [{ name: 'a', url }] : [],
    commands: {
      faults: new Map([
        ['freeze', 'true'],
        ['kill', kill ?? 'true'],
      ]),
      start: `echo once >> "$STARTS"; ${start}`,
    },
    shell: new Shell({ directory, environment: { ...process.env, STARTS: log }, warden }),
    trace,
    warn: (line) => warnings.push(line),
  })
  const faults = (): readonly TraceEvent[] =>
    decodeTrace(readFileSync(trace.path, 'utf8')).events.filter(({ type }) => type.startsWith('fault-'))
  return { breaker, warnings, starts, faults }
}

const typesOf = (events: readonly TraceEvent[]): string[] => events.map(({ type }) => type)

const failsOnce = '[ $(wc -l < "$STARTS") -ge 2 ]'

test('a fault that was not healed is healed once more at the end', async (t) => {
  const { breaker, warnings, starts, faults } = await broken(t, { start: failsOnce, mendedBy: 2 })
  await t.throwsAsync(
    breaker.once('freeze', () => 0),
    { message: /--start-command failed \(freeze of a\): the command exited with 1/ },
  )
  await breaker.heal()
  t.is(starts(), 2)
  t.deepEqual(typesOf(faults()), ['fault-injected', 'fault-confirmed', 'fault-healed'])
  t.deepEqual(warnings, [])
})

test('what stays broken is reported and not marked as healed', async (t) => {
  const { breaker, warnings, starts, faults } = await broken(t, { start: 'exit 4', mendedBy: 9 })
  await t.throwsAsync(breaker.once('freeze', () => 0))
  await Promise.all([breaker.heal(), breaker.heal()])
  t.is(starts(), 2)
  t.like(faults().at(-1), {
    type: 'fault-failed',
    reason: 'not healed: --start-command failed (freeze of a): the command exited with 4',
  })
  t.deepEqual(warnings, [
    'freeze of a may be left broken: --start-command failed (freeze of a): the command exited with 4',
  ])
})

test('a start command that starts nothing has healed nothing', async (t) => {
  const { breaker, warnings, faults } = await broken(t, { start: 'true', mendedBy: 9 })
  await breaker.once('freeze', () => 0)
  await breaker.heal()
  t.like(faults().at(-1), { type: 'fault-failed', reason: 'not healed: it did not answer again within 5 s' })
  t.is(warnings.length, 1)
})

test('a failed kill is healed if no node can be asked', async (t) => {
  const { breaker, starts } = await broken(t, { start: 'true', mendedBy: 1, isNamed: false, kill: 'exit 7' })
  const what = await breaker.once('kill', () => 0)
  t.is(what, 'kill (it did not land: the command exited with 7)')
  t.is(starts(), 1)
})

test('a failed kill is not healed if its node still answers', async (t) => {
  const { breaker, starts } = await broken(t, { start: 'true', mendedBy: 0, kill: 'exit 7' })
  await breaker.once('kill', () => 0)
  t.is(starts(), 0)
})
