/** A real browser for tests of the pages: Debian's Chromium, driven by playwright-core. */
import { existsSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import axe from 'axe-core'
import { chromium, type Frame, type Page } from 'playwright-core'

const PROGRAM = '/usr/bin/chromium'
/** Only a page that is wrong needs so long, or one on a machine that does twenty other things. */
export const DEADLINE_MS = 150_000
const TEST_MS = 900_000

/** Why there is no browser; undefined if there is one. */
export const browserMissing = existsSync(PROGRAM) ? undefined : `there is no ${PROGRAM}: apt-get install chromium`

export interface Look {
  readonly width?: number
  readonly height?: number
  readonly locale?: string
  readonly colorScheme?: 'light' | 'dark'
  readonly reducedMotion?: 'reduce' | 'no-preference'
  readonly hasTouch?: boolean
  readonly isMobile?: boolean
}

/** A page that is gone with the test. Whatever its console, or that of another page of its context, reports as an error is in `errors`. */
export async function openPage(t: ExecutionContext, url: string, look: Look = {}) {
  const { width = 1_440, height = 900, locale = 'en-GB', ...rest } = look
  t.timeout(TEST_MS)
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
  t.teardown(() => browser.close())
  const context = await browser.newContext({ viewport: { width, height }, locale, ...rest })
  context.setDefaultTimeout(DEADLINE_MS)
  const errors: string[] = []
  context.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  context.on('weberror', (error) => errors.push(String(error.error())))
  const page = await context.newPage()
  await page.goto(url)
  return { page, errors }
}

/** Resolves when the element's text matches. */
export async function reads(page: Page, selector: string, pattern: RegExp): Promise<string> {
  const found = page.locator(selector).filter({ hasText: pattern })
  await found.waitFor()
  return found.innerText()
}

/** What axe finds that keeps people from using the page and its frames: as it is, and in the other colours in Korean. It is left as it was. */
export async function barriers(page: Page): Promise<string[]> {
  // Behind another tab no colour ever arrives.
  await page.bringToFront()
  const found = await barriersNow(page)
  const language = await page.evaluate(() => document.documentElement.lang)
  const isDark = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches)
  await page.emulateMedia({ colorScheme: isDark ? 'light' : 'dark' })
  await speak(page, 'ko')
  found.push(...(await barriersNow(page)).map((barrier) => `${isDark ? 'light' : 'dark'}, in Korean: ${barrier}`))
  await speak(page, language)
  await page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' })
  return found
}

/** Chooses the language as a visitor would, but in front of a dialog too. */
async function speak(page: Page, language: string): Promise<void> {
  const choice = page.locator(`[data-language=${language}]`)
  if ((await choice.count()) === 0) return
  await choice.evaluate((button) => (button as HTMLElement).click())
  for (const frame of shownFrames(page)) await frame.locator(`html[lang=${language}]`).waitFor()
}

function shownFrames(page: Page): Frame[] {
  return page.frames().filter((frame) => frame.url() !== 'about:blank')
}

/** Runs in the page: a colour on its way to another has the contrast of neither. */
async function settle(): Promise<void> {
  const moving = document.getAnimations().filter((animation) => animation instanceof CSSTransition)
  await Promise.allSettled(moving.map(({ finished }) => finished))
}

export async function barriersNow(page: Page): Promise<string[]> {
  for (const frame of shownFrames(page)) {
    await frame.evaluate(settle)
    await frame.evaluate(axe.source)
  }
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** Moves the page's slider of time to the beginning. */
export async function scrubToStart(page: Page): Promise<void> {
  await page.locator('#scrub').evaluate((slider) => {
    const input = slider as unknown as { value: string; min: string; dispatchEvent: (event: Event) => void }
    input.value = input.min
    input.dispatchEvent(new Event('input'))
  })
}
