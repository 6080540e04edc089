/** The live page with the keyboard alone, in a real browser, down to the last node and beyond the end of the lab. */
import test, { type ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { barriers, browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the keyboard: ${browserMissing}`, () => {})

const TABS_MAX = 80

/** Goes there as a person would, by the tab key. */
async function tabTo(t: ExecutionContext, page: Page, selector: string): Promise<void> {
  for (let tabs = 0; tabs < TABS_MAX; tabs++) {
    await page.keyboard.press('Tab')
    if (await page.locator(selector).evaluate((wanted) => wanted.matches(':focus-visible'))) return
  }
  t.fail(`${selector} is not reached by the tab key`)
}

inBrowser(
  'the keyboard alone pauses, kills, starts and changes the strategy, and nothing acts without a lab',
  async (t) => {
    const lab = await runUp(t, '--strategy', 'sticky', '--users', '20', '--rate', '40', '--restart-after', 'never')
    const { page, errors } = await openPage(t, lab.control)
    const house = (nth: number, state: string) => page.locator(`.house:nth-child(${nth})[data-state=${state}]`)
    await reads(page, '#tour-title', /New here/)
    await tabTo(t, page, '#tour-close')
    await page.keyboard.press('Enter')
    await reads(page, '.house:nth-child(1) .house-facts', /[1-9]\d* users/)

    // Behind a dialog no key acts, not even where the focus has left the dialog.
    await page.keyboard.press('?')
    const dialog = page.locator('#help[open]')
    await dialog.evaluate((shown) => (shown.ownerDocument.activeElement as HTMLElement | null)?.blur())
    await page.keyboard.press('2')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })

    await page.keyboard.press('Shift+1')
    await house(1, 'paused').waitFor()
    t.is(await house(2, 'up').count(), 1)
    await reads(page, '#command-signal-text', /^kill -STOP \d+$/)
    t.deepEqual(await barriers(page), [])
    await page.keyboard.press('Shift+1')
    await house(1, 'up').waitFor()

    // The light at the top is green over a whole cluster alone.
    const light = (serve: string) => page.locator(`#link[data-serve=${serve}]`)
    const colour = async () =>
      await page.locator('#link').evaluate((link) => getComputedStyle(link, '::before').backgroundColor)
    await light('all').waitFor()
    const green = await colour()
    for (const nth of [1, 2, 3]) {
      await page.keyboard.press(String(nth))
      await house(nth, 'down').waitFor()
      await light(nth === 3 ? 'none' : 'some').waitFor()
      t.not(await colour(), green)
    }
    await reads(page, '#banner', /^No node serves/)
    t.deepEqual(await barriers(page), [])
    const start = '.node:nth-child(1) .actions button:last-child'
    await reads(page, start, /^Start$/)
    await tabTo(t, page, start)
    await page.keyboard.press('Enter')
    await house(1, 'up').waitFor()

    await tabTo(t, page, '#strategy')
    await page.keyboard.press('Enter')
    await page.locator('#cluster [value=sticky]:focus').waitFor()
    // To the one below; the enter key in a form starts it.
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await reads(page, '#strategy-name', /^token$/)
    t.deepEqual(errors, [])

    lab.process.kill('SIGKILL')
    await reads(page, '#link', /does not answer/)
    await page.locator('#faults-open:disabled').waitFor()
    t.deepEqual(await page.locator(':is(.kill, .actions button, #campaign, #rate, #strategy):enabled').all(), [])
    t.deepEqual(await barriers(page), [])
  },
)
