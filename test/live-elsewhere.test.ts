/** The live page on another device, in a real browser: with the token of the link, and by touch. 127.0.0.2 is another address on Linux. */
import test from 'ava'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { barriers, browserMissing, openPage, reads } from './support/browser.ts'

const inBrowser = browserMissing === undefined && process.platform === 'linux' ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the live page elsewhere: ${browserMissing}`, () => {})

const phone = { width: 390, height: 844, hasTouch: true, isMobile: true } as const

inBrowser('a phone gets in by the link, and breaks a connection and a node by touch', async (t) => {
  const flags = ['--host', '127.0.0.2', '--edges', 'on', '--users', '30', '--rate', '60']
  const lab = await runUp(t, ...flags)
  const link = /Other device +(http:\S+)/.exec(lab.output.stdout)?.[1] ?? ''
  const { origin, hash } = new URL(link)
  t.regex(hash, /^#token=./)

  const { page: stranger } = await openPage(t, origin, phone)
  await reads(stranger, '#link', /wants its token/)
  t.true(await stranger.locator('#faults-open').isDisabled())
  t.deepEqual(await barriers(stranger), [])

  const { page, errors } = await openPage(t, link, phone)
  await reads(page, '#link', /^live$/)
  t.is(new URL(page.url()).hash, '', 'the token is not in the history')
  await page.locator('#tour-close').tap()
  await reads(page, '.house:nth-child(1) .house-facts', /[1-9]\d* users/)
  await page.getByRole('button', { name: 'Break the connection balancer → a' }).tap()
  await page.locator('#faults[open]').waitFor()
  t.is(await page.locator('#fault-kind').inputValue(), 'cut')
  t.is(await page.locator('#fault-target').inputValue(), 'balancer>a')
  await reads(page, '#fault-command', /^curl -X POST -H "Authorization: Bearer \$TOKEN"/)
  t.deepEqual(await barriers(page), [])
  await page.locator('#fault-form [type=submit]').tap()
  await reads(page, '#sentence', /^Connection balancer → a: cut/)
  await page.getByRole('button', { name: 'Kill node b, key 2' }).tap()
  await reads(page, '#sentence', /^Node b was killed/)
  t.deepEqual(await barriers(page), [])
  t.deepEqual(errors, [])
})
