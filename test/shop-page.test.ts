/** The shop's page in a real browser, where an answer is lost and the visitor tries again. */
import test from 'ava'
import type { Page } from 'playwright-core'
import { shopServer } from '../packages/node/test/support/shop-server.ts'
import { browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test : test.skip

/** Presses the button, whose request is carried out but not answered, and then the one that tries it again. */
async function pressTwice(page: Page, button: string, path: string): Promise<void> {
  await page.route(
    `**${path}`,
    async (route) => {
      await route.fetch()
      await route.abort()
    },
    { times: 1 },
  )
  await page.click(button)
  await page.click('#notice-retry')
  await page.waitForSelector('#notice', { state: 'hidden' })
}

inBrowser('a press whose answer was lost is carried out once, also when the visitor tries it again', async (t) => {
  const { page } = await openPage(t, (await shopServer(t)).url)
  // An answer to the page's own questions would take the notice away.
  await page.click('#live')
  await page.click('#login button[type=submit]')
  await reads(page, '#greeting', /\S/)
  await pressTwice(page, '#counter', '/api/counter')
  t.is(await reads(page, '#count', /\d/), '1')
  await pressTwice(page, '#goods button >> nth=0', '/api/cart')
  t.is(await page.textContent('#cart-count'), '1')
})
