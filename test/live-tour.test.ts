/** The tour, another strategy, and two clusters at once, on the live page in a real browser. */
import test from 'ava'
import type { FrameLocator, Page } from 'playwright-core'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { barriers, browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the live page: ${browserMissing}`, () => {})

const lively = ['--users', '30', '--rate', '60']
/** What each step is to show. The figures are the page's own. */
const FOUND = [
  /^\d+ times so far a user was logged out, and nothing was broken/,
  /^[1-9]\d* of the \d+ users on node b were logged out/,
  /^[1-9]\d* users were on node b\. None was logged out, and no item was lost\./,
  /^[1-9]\d* users were on node b\. None was logged out, and no item was lost, without a store/,
  /^[\d,]+ operations from two tabs each, and a dead node: no item was lost\. .* [1-9][\d,]* times/,
  /^[1-9]\d* users were on node b\. The change that it had not answered was sent again and done once/,
]

inBrowser('the tour is offered, shows what it says by its six steps, and ends on a system of your own', async (t) => {
  const lab = await runUp(t, ...lively)
  const { page, errors } = await openPage(t, lab.control)
  await reads(page, '#tour-title', /New here/)
  t.deepEqual(await barriers(page), [])
  // With the keyboard alone.
  await page.locator('#tour-act').focus()
  await page.keyboard.press('Enter')
  for (const [index, found] of FOUND.entries()) {
    await reads(page, '#tour-step', new RegExp(`step ${index + 1} of 6`))
    if (index > 0) {
      await reads(page, '#tour-act', /^(Kill|Crash) node b/)
      await page.locator('#tour-act').press('Enter')
    }
    // On a busy machine two tabs may not meet at first.
    while ((await reads(page, '#tour-act', /^(Next|Try again)$/)) === 'Try again') {
      await page.locator('#tour-act').press('Enter')
      await reads(page, '#tour-act', /^(Kill|Crash) node b/)
      await page.locator('#tour-act').press('Enter')
    }
    t.regex(await page.locator('#tour-found').innerText(), found)
    if (index === 3) {
      // The figures are of the step's own fault, and what happens afterwards may contradict them.
      await page.keyboard.press('1')
      await reads(page, '#tour-found', /^Something else was broken after that/)
    }
    await page.locator('#tour-act').press('Enter')
  }
  await reads(page, '#tour-command', /npx ninelives prove --target/)
  t.deepEqual(await barriers(page), [])
  await page.reload()
  await page.locator('#tour-open').waitFor()
  t.false(await page.locator('#tour').isVisible(), 'a visitor is offered it once')
  t.deepEqual(errors, [])
})

async function house(place: Page | FrameLocator, nth: number, state: string): Promise<void> {
  await place.locator(`.house:nth-child(${nth})[data-state=${state}]`).waitFor()
}

/** The faults of the lab's first cluster. */
async function faultsOf(control: string): Promise<readonly unknown[]> {
  const response = await fetch(`${control}/api/cluster`)
  return ((await response.json()) as { faults: readonly unknown[] }).faults
}

inBrowser('another strategy begins from the page, with a second one beside it that meets the same', async (t) => {
  const lab = await runUp(t, ...lively, '--restart-after', 'never')
  const { page, errors } = await openPage(t, lab.control)
  await page.locator('#tour-close').click()
  await page.locator('#strategy').click()
  await page.locator('#cluster [name=strategy][value=clustered]').check()
  await page.locator('#cluster-beside').selectOption('sticky')
  await reads(page, '#cluster-command', /curl -X POST .*"strategy":"clustered"/)
  t.regex((await page.locator('#cluster-link').getAttribute('href')) ?? '', /#strategy=clustered&beside=sticky/)
  t.deepEqual(await barriers(page), [])
  await page.locator('#cluster-start').click()
  await reads(page, '#strategy-name', /clustered/)
  const other = page.frameLocator('#beside')
  await other.locator('#side', { hasText: 'sticky' }).waitFor()
  for (const place of [page, other])
    await place.locator('.house:nth-child(2) .house-facts', { hasText: /[1-9]\d* users/ }).waitFor()
  await page.locator('body').press('2')
  await other.locator('#sentence', { hasText: /^Node b was killed .*\d+ w(?:as|ere) logged out/ }).waitFor()
  t.notRegex(await reads(page, '#sentence', /^Node b was killed (?!.*have not clicked)/), /logged out|lost/)

  // So does whatever else is done to the first.
  const both = async (nth: number, state: string) => {
    await house(page, nth, state)
    await house(other, nth, state)
  }
  await both(2, 'down')
  await page.getByRole('button', { name: 'Start node b' }).click()
  await both(2, 'up')
  await page.keyboard.press('Shift+1')
  await both(1, 'paused')
  await page.keyboard.press('Shift+1')
  await both(1, 'up')
  await page.locator('#rate').focus()
  await page.locator('#rate').press('ArrowRight')
  const rate = await reads(page, '#rate-figure', /^(?!60$)/)
  await other.locator('#rate-figure', { hasText: rate }).waitFor({ state: 'attached' })

  // What is done within the second falls on that alone.
  await other.getByRole('button', { name: 'Pause node c' }).click()
  await house(other, 3, 'paused')
  t.deepEqual(await faultsOf(lab.control), [])
  t.deepEqual(await barriers(page), [])
  await house(page, 3, 'up')
  await other.getByRole('button', { name: 'Resume node c' }).click()
  await house(other, 3, 'up')
  await other.getByRole('button', { name: 'Kill node c, key 3' }).click()
  await house(other, 3, 'down')
  await other.getByRole('button', { name: 'Start node c' }).click()
  await house(other, 3, 'up')
  await house(page, 3, 'up')
  t.deepEqual(errors, [])
})

inBrowser('a link with a scene offers that scene, and its faults come at their times', async (t) => {
  const lab = await runUp(t, ...lively)
  const scene = '#strategy=sticky&nodes=2&users=20&tabs=1&rate=40&seed=7&fault=kill:b@2'
  const { page, errors } = await openPage(t, `${lab.control}/${scene}`)
  await reads(page, '#cluster-faults', /kill of b after 2/)
  await page.locator('#cluster-start').click()
  await reads(page, '#strategy-name', /sticky/)
  await reads(page, '#sentence', /^Node b was killed/)
  t.deepEqual(errors, [])
})
