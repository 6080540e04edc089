/** A person in the shop, beside the crowd, whose own node dies: the shop and the live page say what became of the session. */
import test, { type ExecutionContext } from 'ava'
import { until } from '@ninelives/lab'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { redisMissing } from '../packages/node/test/support/redis-server.ts'
import { barriers, browserMissing, DEADLINE_MS, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the visitor: ${browserMissing}`, () => {})
const inRedis = redisMissing === undefined ? inBrowser : test.serial.skip

/** The balancer's, which keeps a browser on one node. */
const AFFINITY_COOKIE = 'ninelives-upstream'

/** Logged in, with something in the cart, in two tabs; and the live page. */
async function visit(t: ExecutionContext, ...flags: string[]) {
  const lab = await runUp(t, '--users', '20', '--rate', '40', ...flags)
  const { page: shop, errors } = await openPage(t, lab.shop)
  await shop.fill('#name', 'user-90')
  await shop.fill('#password', 'password-90')
  await shop.click('#login button[type=submit]')
  await shop.locator('#visitor').waitFor()
  await shop.locator('#goods button').first().click()
  await reads(shop, '#cart', /\S/)
  await reads(shop, '#cart-link', /^\s*1\s*$/)
  const live = await shop.context().newPage()
  await live.goto(lab.control)
  await reads(live, '#you', /^You are logged in as user-90\. Node [abc] answered you last/)
  // The locator is strict: one node is marked.
  await live.locator('.house .you:visible').waitFor()
  const second = await shop.context().newPage()
  await second.goto(lab.shop)
  await reads(second, '#cart', /\S/)
  // Of all three. That a request, or a socket, fails while a node dies is what is shown, and no error of a page.
  const faults = (): string[] => errors.filter((text) => !/^Failed to load resource|^WebSocket /.test(text))
  return { shop, live, second, faults }
}

inBrowser(
  'replicated: the node that answers is killed from the shop, and nothing of the session is lost',
  async (t) => {
    const { shop, live, second, faults } = await visit(t)
    await reads(shop, '#kill', /^Kill node [abc]$/)
    await shop.click('#kill')
    await reads(
      shop,
      '#notice-text',
      /^Node [abc] died, and you lost nothing\. The next answer came from node [abc]: you are still logged in, with 1 thing/,
    )
    await reads(live, '#you', /^Node [abc], which answered you, died .* still logged in as user-90/)
    await reads(shop, '#shelf-text', /The cart should not notice/)
    // The whole notice follows the language.
    await shop.getByRole('button', { name: '한국어' }).click()
    await reads(shop, '#notice-text', /^노드 [abc]가 죽었지만 잃은 것이 없어요\. .* 상품 1개도 그대로/)
    await shop.getByRole('button', { name: 'English' }).click()
    await reads(shop, '#notice-text', /you are still logged in, with 1 thing in your cart\.$/)
    await second.locator('#goods button').nth(1).click()
    await reads(second, '#cart', /\S[\s\S]*\S/)
    t.deepEqual(await barriers(shop), [])
    t.deepEqual(await barriers(live), [])
    t.deepEqual(faults(), [])
  },
)

inBrowser('sticky: the visitor is logged out with that node, and is told why', async (t) => {
  const { shop, live, faults } = await visit(t, '--strategy', 'sticky')
  await reads(shop, '#shelf-text', /your login and your cart are in that node alone, and go with it/)
  await shop.click('#kill')
  await reads(shop, '#notice-text', /^Node [abc] died, so you are logged out\. With the strategy sticky/)
  await reads(live, '#you', /^You were logged out: node [abc] died, and node [abc] does not know your session/)
  t.deepEqual(await barriers(shop), [])
  t.deepEqual(faults(), [])
})

inBrowser('sticky: a visitor whom another node answers is logged out, and no death is blamed', async (t) => {
  const { shop, live, faults } = await visit(t, '--strategy', 'sticky')
  const home = (await reads(shop, '#node', /^[abc]$/)).trim()
  // So does a node that is too slow: the balancer sends the visitor to another one.
  t.true((await shop.context().cookies()).some(({ name }) => name === AFFINITY_COOKIE))
  const away = async (): Promise<boolean> => {
    await shop.context().clearCookies({ name: AFFINITY_COOKIE })
    return await shop.locator('#notice-text', { hasText: 'logged out' }).isVisible()
  }
  await until(away, { deadlineMs: DEADLINE_MS, everyMs: 100, what: `another node than ${home} to answer` })
  t.regex(
    await shop.locator('#notice-text').innerText(),
    new RegExp(`^You are logged out, although node ${home}, which has your session, is not known to have died\\.`),
  )
  await reads(live, '#you', /^You were logged out: node [abc] does not know your session/)
  t.deepEqual(faults(), [])
})

inRedis("redis: the store's death logs the visitor out, and no node is blamed for it", async (t) => {
  const { shop, live, faults } = await visit(t, '--strategy', 'redis')
  await shop.click('#kill')
  await reads(shop, '#notice-text', /^Node [abc] died, and you lost nothing/)
  await live.bringToFront()
  await live.getByRole('button', { name: 'Break it' }).click()
  await live.locator('#fault-kind').selectOption('kill')
  await live.locator('#fault-form [type=submit]').click()
  await shop.bringToFront()
  await reads(shop, '#notice-text', /^Your session is gone/)
  t.notRegex(await shop.locator('#notice-text').innerText(), /died/)
  await reads(live, '#you', /^You were logged out: node [abc] does not know your session/)
  t.deepEqual(faults(), [])
})
