/** A browser with the live page, and the frames that the page draws. */
import { chromium, type Page } from 'playwright-core'

const PROGRAM = '/usr/bin/chromium'
const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
/** Every user acts by then, whatever the rate. */
const USERS_WITHIN_MS = 600_000
/** That many of the users are on the stage before anything is measured: some are always between two visits. */
const USERS_SHARE = 0.8

export interface Frames {
  readonly perSecond: number
  readonly p99Ms: number
  readonly longestMs: number
  /** Of the page's main thread, by the browser's own count. */
  readonly busyShare: number
}

export interface OpenPage {
  frames(ms: number): Promise<Frames>
  close(): Promise<void>
}

export interface PageBrowser {
  /** Resolves when most of the users have been served, by the page's own count. */
  seesUsers(url: string, users: number): Promise<void>
  open(url: string): Promise<OpenPage>
  close(): Promise<void>
}

export async function openBrowser(): Promise<PageBrowser> {
  const browser = await chromium.launch({ executablePath: PROGRAM, args: ARGS })
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 }, locale: 'en-GB' })
  // A first visit is offered the tour, which would be in the picture.
  await context.addInitScript(() => localStorage.setItem('ninelives-tour', '6'))
  const opened = async (url: string): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(url)
    await page.locator('.house-facts').first().waitFor()
    return page
  }
  return {
    async seesUsers(url, users) {
      const page = await opened(url)
      await page.waitForFunction(usersOnStage, users * USERS_SHARE, { timeout: USERS_WITHIN_MS, polling: 1_000 })
      await page.close()
    },
    async open(url) {
      const page = await opened(url)
      return { frames: (ms) => framesOf(page, ms), close: () => page.close() }
    },
    close: () => browser.close(),
  }
}

/** Runs in the browser. */
function usersOnStage(atLeast: number): boolean {
  const facts = [...document.querySelectorAll('.house-facts')].map(({ textContent }) => textContent ?? '')
  return facts.reduce((sum, text) => sum + (Number.parseInt(text.replaceAll(',', ''), 10) || 0), 0) >= atLeast
}

async function framesOf(page: Page, ms: number): Promise<Frames> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable')
  const busySeconds = async (): Promise<number> => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0
  }
  const before = await busySeconds()
  const gaps = (await page.evaluate(gapsOf, ms)).toSorted((a, b) => a - b)
  const busyShare = ((await busySeconds()) - before) / (ms / 1_000)
  await devtools.detach()
  const sumMs = gaps.reduce((sum, gap) => sum + gap, 0)
  return {
    perSecond: (gaps.length * 1_000) / sumMs,
    p99Ms: gaps[Math.floor(gaps.length * 0.99)] ?? 0,
    longestMs: gaps.at(-1) ?? 0,
    busyShare,
  }
}

/** Runs in the browser: the milliseconds between frames. */
function gapsOf(ms: number): Promise<number[]> {
  return new Promise((resolve) => {
    const gaps: number[] = []
    let [firstMs, lastMs] = [0, 0]
    const frame = (atMs: number): void => {
      if (lastMs === 0) firstMs = atMs
      else gaps.push(atMs - lastMs)
      lastMs = atMs
      if (atMs - firstMs >= ms) resolve(gaps)
      else requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
}
