/** The usual way of keeping sessions, behind HAProxy, put through the gauntlet: what it keeps, and what it loses. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge, type Verdict } from '@ninelives/history'
import { run } from '../packages/lab/test/fixtures/command.ts'
import { example, exampleMissing } from '../packages/lab/test/fixtures/example.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'

const onExample = exampleMissing === undefined ? test.serial : test.serial.skip
if (exampleMissing !== undefined) test.skip(`the example app: ${exampleMissing}`, () => {})

interface Proof {
  readonly code: number | string | null
  readonly verdict: Verdict
  readonly stdout: string
}

async function prove(t: ExecutionContext, ...args: string[]): Promise<Proof> {
  const { flags } = await example(t)
  const directory = scratch(t)
  const command = run(t, ['prove', ...flags, '--kills', '2', '--seed', '3', '--logs', directory, ...args])
  const code = await command.exited
  const { stdout, stderr } = command.output
  t.is(stderr, '', stdout)
  const { events, problem } = decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8'))
  return { code, verdict: judge(events, problem), stdout }
}

onExample('two tabs: updates are lost', async (t) => {
  // Few users who do much: then their tabs meet often.
  const { code, verdict, stdout } = await prove(t, '--tabs', '2', '--users', '3', '--rate', '300')
  t.log(`${verdict.writes.lost} of ${verdict.writes.acknowledged} writes lost`)
  t.is(code, 1, stdout)
  t.is(verdict.verdict, 'invalid')
  t.true(
    verdict.anomalies.some(({ kind }) => kind === 'lost-update'),
    stdout,
  )
  t.is(verdict.faults.landed, 2, stdout)
  t.regex(stdout, /Anomaly +lost-update, \d+ times?\n/)
})

onExample('one tab: nothing is lost, also when nodes die', async (t) => {
  const { code, verdict, stdout } = await prove(t, '--tabs', '1', '--users', '20', '--rate', '60')
  t.deepEqual(verdict.anomalies, [], stdout)
  t.deepEqual([verdict.sessions.lost, verdict.writes.lost], [0, 0], stdout)
  t.true(verdict.writes.acknowledged > 50, stdout)
  // On a busy machine the generator may lag: then nothing is known, and that is what is said.
  t.is(code, verdict.doubts.length === 0 ? 0 : 3, stdout)
})
