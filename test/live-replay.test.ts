/** A recorded trace on the live page, in a real browser. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { until } from '@ninelives/lab'
import { run, runUp } from '../packages/lab/test/fixtures/command.ts'
import { browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the replay: ${browserMissing}`, () => {})

/** The trace of a run on sticky, in which node b was killed and users were logged out. */
async function record(t: ExecutionContext): Promise<string> {
  const lab = await runUp(t, '--strategy', 'sticky', '--users', '30', '--rate', '60', '--seed', '7')
  const sum = async (): Promise<{ ok: number; loggedOut: number }> => {
    const { users } = (await (await fetch(`${lab.control}/api/cluster`)).json()) as {
      users: { ok: number; loggedOut: number }
    }
    return users
  }
  await until(async () => (await sum()).ok > 120, { deadlineMs: 60_000, what: 'the users to be in' })
  const body = JSON.stringify({ kind: 'kill', target: 'b' })
  await fetch(`${lab.control}/api/faults`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  await until(async () => (await sum()).loggedOut > 0, { deadlineMs: 60_000, what: 'a user to be logged out' })
  lab.process.kill('SIGTERM')
  t.is(await lab.exited, 0)
  return path.join(lab.directory, 'trace.ndjson')
}

/** The address of the page. */
async function replay(t: ExecutionContext, trace: string): Promise<string> {
  const { output } = run(t, ['replay', trace, '--page', '--port', '0'])
  const address = (): string | undefined => /The replay: (http:\S+)/.exec(output.stdout)?.[1]
  await until(() => address() !== undefined, { deadlineMs: 60_000, what: 'the replay to be served' })
  return address() ?? ''
}

inBrowser('a trace that is broken is shown up to there, and the page says at which line and why', async (t) => {
  const trace = await record(t)
  const lines = readFileSync(trace, 'utf8').split('\n')
  const broken = path.join(path.dirname(trace), 'broken.ndjson')
  writeFileSync(broken, lines.map((line, index) => (index === 200 ? '{"seq":' : line)).join('\n'))
  const { page } = await openPage(t, await replay(t, broken))
  await reads(page, '#problem', /^The recording can be read up to line 201: not JSON\.$/)
  await reads(page, '#strategy-name', /sticky/)
})
