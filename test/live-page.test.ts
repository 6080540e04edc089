/** The live page over a live cluster, in a real browser. */
import test from 'ava'
import { decodeTrace, judge } from '@ninelives/history'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { barriers, browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the live page: ${browserMissing}`, () => {})

const lively = ['--users', '30', '--rate', '60']

inBrowser('replicated: a key kills a node, and no user notices', async (t) => {
  const lab = await runUp(t, ...lively)
  const { page, errors } = await openPage(t, lab.control)
  await reads(page, '#sentence', /3 nodes serve 30 users/)
  await reads(page, '.house:nth-child(2) .house-facts', /[1-9]\d* users/)
  await page.keyboard.press('2')
  const told = await reads(page, '#sentence', /^Node b was killed .* were on it: \D*\d+ noticed nothing\.$/)
  t.notRegex(told, /logged out|lost|error/)
  t.regex(await reads(page, '#log', /Node b is back/), /Node b died/)
  await reads(page, '#banner', /All 3 nodes serve/)
  t.deepEqual(await barriers(page), [])

  // The past is shown as it was, while the run goes on.
  await page.keyboard.press(' ')
  await page.locator('#scrub').evaluate((slider) => {
    const input = slider as unknown as { value: string; min: string; dispatchEvent: (event: Event) => void }
    input.value = input.min
    input.dispatchEvent(new Event('input'))
  })
  await reads(page, '#sentence', /starting|serve/)
  await page.keyboard.press('l')
  await reads(page, '#sentence', /^Node b was killed/)

  // Every fault of the lab is in a dialog, with the command that does the same.
  await page.keyboard.press('f')
  await page.locator('#fault-kind').selectOption('stall')
  await page.locator('#fault-target').selectOption('c')
  await reads(page, '#fault-command', /curl -X POST .*"kind":"stall","target":"c","durationMs":1000/)
  t.deepEqual(await barriers(page), [])
  await page.locator('#fault-form [type=submit]').click()
  await reads(page, '#sentence', /^Node c: stalled/)
  await page.keyboard.press('?')
  await reads(page, '#help-commands', /npx ninelives prove --target/)
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
  // Every user that was on it has acted since, and has logged in again.
  const told = await reads(page, '#sentence', /^Node a was killed (?!.*have done nothing).*\d+ were logged out/)
  await reads(page, '#out-count', /^0$/)
  const out = Number(/(\d+) were logged out/.exec(told)?.[1])
  t.true(out > 0)
  lab.process.kill('SIGTERM')
  t.is(await lab.exited, 0)
  const { sessions } = judge(decodeTrace(readFileSync(path.join(lab.directory, 'trace.ndjson'), 'utf8')).events)
  t.is(sessions.lost, out)
  await reads(page, '#link', /ended|does not answer/)
  t.regex(await page.locator('#sentence').innerText(), /logged out|ended/, 'the page keeps what it has')
  t.deepEqual(
    errors.filter((text) => !/ERR_CONNECTION|ERR_INCOMPLETE/.test(text)),
    [],
  )
})
