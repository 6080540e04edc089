/** The live page over a live cluster, in a real browser. */
import test from 'ava'
import { Crowd, decodeTrace, initialState, judge, reduce, type TraceEvent } from '@ninelives/history'
import { until } from '@ninelives/lab'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ready, run, runUp } from '../packages/lab/test/fixtures/command.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'
import { barriers, browserMissing, DEADLINE_MS, openPage, reads, scrubToStart } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the live page: ${browserMissing}`, () => {})

const lively = ['--users', '30', '--rate', '60']
/** How many a lab lets watch at once. */
const WATCHERS_MAX = 64

inBrowser('replicated: a key kills a node, and no user notices', async (t) => {
  const lab = await runUp(t, ...lively)
  const { page, errors } = await openPage(t, lab.control)
  await reads(page, '#sentence', /3 nodes serve 30 users/)
  await reads(page, '.house:nth-child(2) .house-facts', /[1-9]\d* users/)
  await page.keyboard.press('2')
  // A busy machine may keep a user waiting.
  const told = await reads(page, '#sentence', /^Node b was killed (?!.*have not clicked).* on it: .*\d+/)
  t.notRegex(told, /logged out|lost/)
  t.regex(await reads(page, '#log', /Node b is back/), /Node b died/)
  await page.locator('.house:nth-child(2)[data-serves=true]').waitFor()
  t.deepEqual(await barriers(page), [])

  // The past is shown as it was, while the run goes on.
  await page.keyboard.press(' ')
  await scrubToStart(page)
  await reads(page, '#sentence', /starting|serve/)
  await page.keyboard.press('l')
  await page.locator('body[data-past=false]').waitFor()

  // Every fault of the lab is in a dialog, with the command that does the same.
  await page.keyboard.press('f')
  await page.locator('#fault-kind').selectOption('clock')
  await page.locator('#fault-target').selectOption('c')
  await page.locator('[name=skewMs]').fill('5000')
  await reads(page, '#fault-command', /curl -X POST .*"kind":"clock","target":"c","skewMs":5000/)
  t.deepEqual(await barriers(page), [])
  await page.locator('#fault-form [type=submit]').click()
  await reads(page, '#sentence', /^Node c: clock off/)
  await page.keyboard.press('?')
  await reads(page, '#help-commands', /npx ninelives prove --target/)
  await reads(page, '#help .take-home', /npm install .*ninelives-sessions.*docs\/README\.md/s)
  t.deepEqual(await barriers(page), [])
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: '한국어' }).click()
  await reads(page, '#log', /노드 b가 .* 만에 돌아왔어요/)
  t.deepEqual(errors, [])
})

inBrowser('sticky: the page says how many users were logged out, and so do the checkers', async (t) => {
  const lab = await runUp(t, '--strategy', 'sticky', ...lively)
  const { page, errors } = await openPage(t, lab.control)
  await reads(page, '.house:nth-child(1) .house-facts', /[1-9]\d* users/)
  await page.getByRole('button', { name: 'Kill node a, key 1' }).click()
  await reads(page, '#sentence', /^Node a was killed (?!.*have not clicked).*\d+ w(?:as|ere) logged out/)
  // The page, a moment later than the trace, says what follows from the trace.
  const trace = path.join(lab.directory, 'trace.ndjson')
  let figures = ''
  const agree = async (): Promise<boolean> => {
    const told = Number(/(\d+) w(?:as|ere) logged out/.exec(await page.locator('#sentence').innerText())?.[1])
    const { events } = decodeTrace(readFileSync(trace, 'utf8'))
    const [byTrace, byCheckers] = [loggedOut(events), judge(events).sessions.lost]
    figures = `${told} logged out by the page, ${byTrace} by the trace, and ${byCheckers} sessions lost by the checkers`
    return told > 0 && told === byTrace && told <= byCheckers
  }
  try {
    await until(agree, { deadlineMs: DEADLINE_MS, everyMs: 250, what: 'the page and the checkers to agree' })
  } catch (error) {
    t.log(figures)
    throw error
  }
  lab.process.kill('SIGTERM')
  t.is(await lab.exited, 0)
  await reads(page, '#link', /ended|does not answer/)
  t.regex(await page.locator('#sentence').innerText(), /w(?:as|ere) logged out/, 'the page keeps what it has')
  t.deepEqual(
    errors.filter((text) => !/ERR_CONNECTION|ERR_INCOMPLETE/.test(text)),
    [],
  )
})

inBrowser(
  'a lab that is gone, or has no room for the page, is told from one that serves, and the page goes on by itself',
  async (t) => {
    const first = await runUp(t, '--users', '0')
    const { page, errors } = await openPage(t, first.control)
    await reads(page, '#link', /^live$/)
    await reads(page, '#tour-title', /New here/)
    await page.locator('#tour-close').click()
    await reads(page, '#log', /^Nothing yet\. Kill a node/)
    first.process.kill('SIGKILL')
    await reads(page, '#link', /does not answer/)
    await reads(page, '#log', /^Nothing happened while the page was connected/)

    const { port } = new URL(first.control)
    const directory = scratch(t)
    const again = run(t, [
      'up',
      '--port',
      '0',
      '--control-port',
      port,
      '--logs',
      directory,
      '--users',
      '20',
      '--strategy',
      'sticky',
    ])
    const others = new AbortController()
    t.teardown(() => others.abort())
    await ready(again, directory)
    await reads(page, '#link', /^live$/)
    await reads(page, '#strategy-name', /sticky/)
    await reads(page, '.house:nth-child(1) .house-facts', /[1-9]\d* users/)
    t.true(await page.locator('#strategy').isEnabled())

    // As many watch as a lab lets, before the page does. They are kept: an answer that is collected as garbage makes room.
    await page.goto('about:blank')
    const watching: Response[] = []
    const isFull = async (): Promise<boolean> => {
      const answer = await fetch(`${first.control}/api/events`, { signal: others.signal })
      if (answer.ok) watching.push(answer)
      return watching.length === WATCHERS_MAX
    }
    await until(isFull, { deadlineMs: DEADLINE_MS, everyMs: 1, what: 'the lab to be full' })
    await page.goto(first.control)
    await reads(page, '#link', /no room for another page/)
    await reads(page, '#log', /^Nothing to tell: the page is not connected/)
    t.deepEqual(await barriers(page), [])
    t.true(await isFull())
    others.abort()
    await reads(page, '#link', /^live$/)
    t.deepEqual(
      errors.filter((text) => !/ERR_CONNECTION|ERR_INCOMPLETE|status of 503/.test(text)),
      [],
    )
  },
)

/** How many users the last incident logged out. */
function loggedOut(events: readonly TraceEvent[]): number | undefined {
  const crowd = new Crowd()
  let state = initialState
  for (const event of events) {
    crowd.take(event, state)
    state = reduce(state, event)
  }
  return crowd.view.incidents.at(-1)?.users.out
}

inBrowser('the stage is a table as well, which is in sight for people who want no motion', async (t) => {
  const lab = await runUp(t, ...lively, '--restart-after', 'never')
  const { page, errors } = await openPage(t, lab.control, { reducedMotion: 'reduce' })
  await page.locator('.stage-table').waitFor()
  const [all, b] = [page.locator('#stage-rows tr', { hasText: 'All nodes' }), page.locator('#stage-rows tr').nth(1)]
  await b.filter({ hasText: /^Node b\s*up\s*[1-9]\d*\s*0$/ }).waitFor()
  await all.filter({ hasText: /[1-9]\d*\s*0$/ }).waitFor()
  // It agrees with the stage as soon as the users have settled there.
  await page.keyboard.press(' ')
  await page.locator('#pause[data-state=stands]').waitFor()
  const onStage = /^(\d+)/.exec(await page.locator('.house:nth-child(2) .house-facts').innerText())?.[1]
  await b.filter({ hasText: new RegExp(`^Node b\\s*up\\s*${onStage}\\s*0$`) }).waitFor()
  t.deepEqual(await barriers(page), [])

  // A node that was asked to leave has not died: not in the table, nor on its card, nor in the picture.
  await page.keyboard.press('l')
  await page.evaluate(() => {
    const { prototype } = CanvasRenderingContext2D
    const setLineDash = Reflect.get(prototype, 'setLineDash') as (dashes: number[]) => void
    prototype.setLineDash = function keeping(dashes: number[]) {
      if (this.canvas.id === 'picture')
        document.body.dataset['dashes'] = [document.body.dataset['dashes'], dashes].join(' ')
      setLineDash.call(this, dashes)
    }
  })
  await page.getByRole('button', { name: 'Drain node b' }).click()
  await b.filter({ hasText: /^Node b\s*stopped/ }).waitFor()
  await reads(page, '.node:nth-child(2) .life', /^stopped/)
  await page.locator('body[data-dashes*="10,6"]').waitFor()
  t.notRegex((await page.locator('body').getAttribute('data-dashes')) ?? '', /\b2,6\b/)
  await page.getByRole('button', { name: 'Kill node c, key 3' }).click()
  await page.locator('.stage-table tr', { hasText: /^Node c\s*down/ }).waitFor()
  await page.locator('body[data-dashes*="2,6"]').waitFor()
  t.deepEqual(errors, [])
})
