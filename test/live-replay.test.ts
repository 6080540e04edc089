/** A recorded trace on the live page, in a real browser: scrubbed, taken from anomaly to anomaly, and forked. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { until } from '@ninelives/lab'
import { run, runUp } from '../packages/lab/test/fixtures/command.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'
import { barriers, browserMissing, DEADLINE_MS, openPage, reads, scrubToStart } from './support/browser.ts'

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
  await until(async () => (await sum()).ok > 120, { deadlineMs: DEADLINE_MS, what: 'the users to be in' })
  const body = JSON.stringify({ kind: 'kill', target: 'b' })
  await fetch(`${lab.control}/api/faults`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  await until(async () => (await sum()).loggedOut > 0, { deadlineMs: DEADLINE_MS, what: 'a user to be logged out' })
  lab.process.kill('SIGTERM')
  t.is(await lab.exited, 0)
  return path.join(lab.directory, 'trace.ndjson')
}

const sticky = {
  name: 'sticky',
  routing: 'affinity',
  summary: 'one node each',
  onNodeDeath: 'users are logged out',
}

/** A run on that strategy in which node b is killed, and node a is passed over later: user 0 was there. User 1 was on node b. */
function passedOver(strategy: object = sticky): string {
  const events: object[] = []
  const at = (atMs: number, event: object): void => void events.push({ seq: events.length, atMs, ...event })
  const op = (atMs: number, user: number, kind: string, ended: object): void => {
    const [op, name] = [events.length, `user-${user}`]
    at(atMs, {
      type: 'operation-sent',
      op,
      user: name,
      visit: 1,
      tab: 0,
      kind,
      dueAtMs: atMs,
      sentAtMs: atMs,
      lateMs: 0,
    })
    at(atMs + 9, { type: 'operation-ended', op, endedAtMs: atMs + 9, outcome: 'ok', as: name, ...ended })
  }
  const nodes = ['a', 'b', 'c'].map((name, index) => ({ name, url: `http://127.0.0.1:${21_001 + index}` }))
  at(0, {
    type: 'run-started',
    schema: 1,
    run: 'run-1',
    startedAtMs: 1_700_000_000_000,
    seed: 7,
    strategy,
    store: 'memory:',
    balancerUrl: 'http://127.0.0.1:8080',
    nodes,
    restartAfterMs: 1_500,
    users: 2,
    rate: 20,
  })
  for (const [index, { name }] of nodes.entries()) at(1, { type: 'node-up', node: name, pid: index + 1 })
  at(2, { type: 'cluster-ready', inMs: 2 })
  for (const [user, node] of ['a', 'b'].entries()) op(100, user, 'login', { node, items: [] })
  at(300, { type: 'node-down', node: 'b', pid: 2, code: null, signal: 'SIGKILL', held: 1 })
  const refused = { outcome: 'failed', why: 'logged-out', node: 'c' }
  op(400, 1, 'read', refused)
  at(1_900, { type: 'upstream-ejected', upstream: 'a', reason: 'no answer in 500 ms' })
  op(2_000, 0, 'read', refused)
  at(4_000, { type: 'upstream-readmitted', upstream: 'a' })
  at(200_000, { type: 'users-paced', rate: 20 })
  return events.map((event) => `${JSON.stringify(event)}\n`).join('')
}

inBrowser('a logout without a death is told as such, and not as the doing of an earlier one', async (t) => {
  const trace = path.join(scratch(t), 'trace.ndjson')
  writeFileSync(trace, passedOver())
  const { page, errors } = await openPage(t, await replay(t, trace))
  await reads(page, '#link', /^recording$/)
  await reads(
    page,
    '#sentence',
    /^Node b died .* 1 user was on it: 1 was logged out\. 1 more was logged out without a death, because the balancer passed over node a\./,
  )
  t.deepEqual(await barriers(page), [])
  await reads(page, '#log', /1 user sent past node a: 1 was logged out/)
  t.deepEqual(errors, [])
})

inBrowser("a strategy over the user's own store is told in the recording's words", async (t) => {
  const trace = path.join(scratch(t), 'trace.ndjson')
  writeFileSync(trace, passedOver({ ...sticky, name: 'custom', summary: 'sessions are in ./mine.ts' }))
  const { page, errors } = await openPage(t, await replay(t, trace))
  await reads(page, '#strategy-name', /^custom$/)
  t.deepEqual(errors, [])
  await reads(page, '#sentence', /^Node b died/)
  await scrubToStart(page)
  await reads(page, '#banner', /^sessions are in \.\/mine\.ts$/)
  t.deepEqual(errors, [])
})

inBrowser("on a narrow screen in Korean, a line of a node's figures breaks before the dot", async (t) => {
  const trace = path.join(scratch(t), 'trace.ndjson')
  writeFileSync(trace, passedOver())
  const { page } = await openPage(t, await replay(t, trace), { width: 390, height: 844, locale: 'ko-KR' })
  await reads(page, '.house:nth-child(1) .house-facts', /사용자 1명/)
  const lines = await page.locator('.house:nth-child(1) .house-facts').evaluate((facts) => {
    const { firstChild: text } = facts
    const topOf = (at: number): number => {
      const range = facts.ownerDocument.createRange()
      range.setStart(text as Text, at)
      range.setEnd(text as Text, at + 1)
      return Math.round(range.getBoundingClientRect().top)
    }
    const all = text?.textContent ?? ''
    return { dot: topOf(all.indexOf('·')), rate: topOf(all.indexOf('초')) }
  })
  t.is(lines.dot, lines.rate)
})

/** The address of the page. */
async function replay(t: ExecutionContext, trace: string): Promise<string> {
  const { output } = run(t, ['replay', trace, '--page', '--port', '0'])
  const address = (): string | undefined => /The replay: (http:\S+)/.exec(output.stdout)?.[1]
  await until(() => address() !== undefined, { deadlineMs: DEADLINE_MS, what: 'the replay to be served' })
  return address() ?? ''
}

inBrowser('a recorded trace is scrubbed, shows its anomalies, and is forked into a live cluster', async (t) => {
  const trace = await record(t)
  const { page, errors } = await openPage(t, await replay(t, trace))
  await reads(page, '#link', /^recording$/)
  await reads(page, '#strategy-name', /sticky/)
  // It plays from the beginning; the keys stop it, and take it to the death and to what that cost.
  await page.keyboard.press(' ')
  await page.locator('#pause[data-state=stands]').waitFor()
  t.is(await page.locator('#problem').isVisible(), false)
  // The recording may still be on its way to the page: then there is no anomaly yet.
  const cost = page.locator('#sentence').filter({ hasText: /^Node b was killed .*logged out/ })
  const jumped = async (): Promise<boolean> => {
    await page.keyboard.press('n')
    return await cost.isVisible()
  }
  await until(jumped, { deadlineMs: DEADLINE_MS, everyMs: 500, what: 'a jump to the death' })
  await page.locator('#diagram-picture svg').waitFor()
  // All of it is in the page's language.
  await page.getByRole('button', { name: '한국어' }).click()
  const diagram = page.locator('#diagram', { hasText: '로그인' })
  const told = ((await diagram.textContent()) ?? '').replaceAll(/user-\d+/g, '')
  t.notRegex(told, /[A-Za-z]{3,}/)
  await page.getByRole('button', { name: 'EN', exact: true }).click()
  t.deepEqual(await barriers(page), [])
  await scrubToStart(page)
  await reads(page, '#sentence', /starting|serve/)
  await page.keyboard.press('l')
  await reads(page, '#sentence', /^Node b was killed .*logged out/)

  // To act is to fork: the strategy, the nodes, the users, the seed, the faults up to here, and the one that was asked for.
  await page.keyboard.press('3')
  await reads(page, '#fork-command', /^npm start -- --strategy sticky --nodes 3 --users 30 --rate 60 --seed 7$/)
  await reads(page, '#fork-faults', /^kill of b after .*, kill of c after /)
  const link = (await page.locator('#fork-link').getAttribute('href')) ?? ''
  t.regex(link, /#strategy=sticky&nodes=3&users=30&tabs=1&rate=60&seed=7&fault=kill:b@[\d.]+&fault=kill:c@[\d.]+$/)
  t.deepEqual(await barriers(page), [])
  t.deepEqual(errors, [])

  const lab = await runUp(t, '--users', '0')
  const { page: live, errors: liveErrors } = await openPage(t, `${lab.control}/${new URL(link).hash}`)
  await reads(live, '#cluster-faults', /kill of b after/)
  await live.locator('#cluster-start').click()
  await reads(live, '#strategy-name', /sticky/)
  // The last of the scene's faults.
  await reads(live, '#sentence', /^Node c was killed/)
  t.deepEqual(await barriers(live), [])
  t.deepEqual(liveErrors, [])
})

inBrowser('a trace that is broken is shown up to there, and the page says at which line and why', async (t) => {
  const trace = await record(t)
  const lines = readFileSync(trace, 'utf8').split('\n')
  const broken = path.join(path.dirname(trace), 'broken.ndjson')
  writeFileSync(broken, lines.map((line, index) => (index === 200 ? '{"seq":' : line)).join('\n'))
  const { page, errors } = await openPage(t, await replay(t, broken))
  await reads(page, '#problem', /^The recording can be read up to line 201: not JSON\.$/)
  await reads(page, '#strategy-name', /sticky/)
  t.deepEqual(await barriers(page), [])
  t.deepEqual(errors, [])
})
