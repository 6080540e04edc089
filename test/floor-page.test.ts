/** The floor on the shop's page, in a real browser, through the death of the node that has its socket. */
import test from 'ava'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { barriers, browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined ? test : test.skip

inBrowser(`the floor goes on through a kill of one's own node, and no move is lost`, async (t) => {
  const lab = await runUp(t, '--users', '0')
  const { page, errors } = await openPage(t, lab.shop)
  await page.click('#login button[type=submit]')
  await reads(page, '#floor-state', /takes your steps/)
  await page.focus('#floor')
  for (const key of ['ArrowRight', 'ArrowUp', 'ArrowRight']) await page.keyboard.press(key)
  await reads(page, '#moves', /^3$/)
  const node = await page.textContent('#floor-node')
  const { nodes } = (await (await fetch(`${lab.control}/api/cluster`)).json()) as {
    nodes: { readonly name: string; readonly pid: number }[]
  }
  process.kill(nodes.find(({ name }) => name === node)?.pid ?? NaN, 'SIGKILL')
  for (let n = 0; n < 4; n++) await page.keyboard.press('ArrowDown')
  t.regex(await reads(page, '#floor-state', /takes your steps now/), /No step was lost/)
  await reads(page, '#moves', /^7$/)
  t.not(await page.textContent('#floor-node'), node)
  t.deepEqual(await barriers(page), [])
  // A browser reports the socket that was cut off, which is what the test does.
  t.deepEqual(
    errors.filter((error) => !/WebSocket/.test(error)),
    [],
  )
})
