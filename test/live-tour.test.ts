/** The tour, another strategy, and two clusters at once, on the live page in a real browser. */
import test from 'ava'
import { until } from '@ninelives/lab'
import type { FrameLocator, Page } from 'playwright-core'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { barriers, browserMissing, DEADLINE_MS, openPage, reads } from './support/browser.ts'

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
  await reads(page, '#tour-home', /npm install .*ninelives-sessions.*docs\/README\.md/s)
  t.deepEqual(await barriers(page), [])
  await page.reload()
  await page.locator('#tour-open').waitFor()
  t.false(await page.locator('#tour').isVisible(), 'a visitor is offered it once')
  t.deepEqual(errors, [])
})

/** Whether all of it is in the window, and nothing of a dialog that scrolls hides it. */
async function isInSight(page: Page, selector: string): Promise<boolean> {
  return await page.locator(selector).evaluate((part) => {
    const { left, top, right, bottom } = part.getBoundingClientRect()
    const middle = (left + right) / 2
    return [top + 2, bottom - 2].every((y) => part.contains(document.elementFromPoint(middle, y)))
  })
}

async function topOf(place: Page | FrameLocator, selector: string): Promise<number> {
  return (await place.locator(selector).boundingBox())?.y ?? NaN
}

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
  await page.locator('#compare').click()
  await reads(page, '#cluster-title', /^Compare two strategies$/)
  await reads(page, '#cluster-note', /Two clusters begin side by side/)
  // Both choices are in sight, also on a phone.
  await page.setViewportSize({ width: 390, height: 844 })
  for (const choice of ['#cluster-first', '#cluster-beside', '#cluster-start'])
    t.true(await isInSight(page, choice), choice)
  await page.setViewportSize({ width: 1_440, height: 900 })
  await page.locator('#cluster-first').selectOption('clustered')
  await page.locator('#cluster-beside').selectOption('sticky')
  await reads(page, '#cluster-beside-about', /^Each session is in one node's memory/)
  await page.locator('#cluster summary').click()
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

  // The two are read across: what is the same stands at the same height.
  const isLevel = async (): Promise<boolean> => {
    const parts = ['#stage', '.nodes-section']
    const [left, right] = await Promise.all(
      [page, other].map((place) => Promise.all(parts.map((part) => topOf(place, part)))),
    )
    return parts.every((_part, index) => Math.abs((left?.[index] ?? NaN) - (right?.[index] ?? NaN)) < 2)
  }
  await until(isLevel, { deadlineMs: DEADLINE_MS, everyMs: 100, what: 'the stages of both to stand at one height' })

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
