/**
 * Makes the film at the top of the README from the real page: `npm run docs:film`. Two clusters with the same users, on replicated and on
 * sticky; the key 2 kills node b of both, and the page says what became of its users. Needs Debian's chromium.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { animation, type Frame } from './animation.ts'

const PROGRAM = '/usr/bin/chromium'
const WIDTH = 1_200
const HEIGHT_MAX = 900
const USERS = 60
const RATE = 60
const SEED = 9
/** The sentence is longer after a death, and moves what is below it down. */
const SENTENCE_GROWS = 84
const CALM_MS = 1_500
const AFTER_KILL_MS = 6_500
/** Both sentences have told of every user by then, or the run is not worth a film. */
const TOLD_WITHIN_MS = 30_000
const FRAME_EVERY_MS = 160
/** The last frame stays, so that the sentences can be read. */
const LAST_FRAME_MS = 3_000
const READY_WITHIN_MS = 120_000
const QUALITY = 0.6

interface Shot {
  readonly atMs: number
  /** Base64, a JPEG of the whole viewport. */
  readonly jpeg: string
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const out = fileURLToPath(new URL('./ninelives.webp', import.meta.url))

const browser = await chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-gpu'] })
const logs = mkdtempSync(path.join(tmpdir(), 'ninelives-film-'))
const lab = startLab(logs)
const ended = once(lab, 'close')
try {
  const { shots, width, height } = await film(browser, await addressOf(lab))
  const frames = await framesOf(browser, shots, height)
  const file = animation(width, height, frames)
  writeFileSync(out, file)
  process.stdout.write(`${path.relative('', out)}: ${frames.length} frames, ${Math.round(file.length / 1024)} KB\n`)
} finally {
  await browser.close()
  lab.kill('SIGTERM')
  await ended
  rmSync(logs, { recursive: true })
}

function startLab(logs: string): ChildProcess {
  const flags = { strategy: 'replicated', users: USERS, rate: RATE, seed: SEED, port: 0, 'control-port': 0, logs }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  const cli = path.join(root, 'packages/lab/src/cli.ts')
  return spawn(process.execPath, [cli, 'up', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

function addressOf(lab: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    lab.stdout?.setEncoding('utf8').on('data', (more: string) => {
      text += more
      const [, address] = /Live page +(http:\S+)/.exec(text) ?? []
      if (address !== undefined && text.includes('Ctrl-C')) resolve(address)
    })
    lab.once('close', () => reject(new Error(`the lab has ended: ${text}`)))
  })
}

/** From shortly before the kill until both sentences have told of every user. */
async function film(browser: Browser, address: string) {
  const page = await opened(browser, address)
  const { width, height } = await partInSight(page)
  const camera = await page.context().newCDPSession(page)
  const shots: Shot[] = []
  const begunMs = performance.now()
  camera.on('Page.screencastFrame', ({ data, sessionId }) => {
    shots.push({ atMs: performance.now() - begunMs, jpeg: data })
    // The next one comes only after that.
    setTimeout(() => void camera.send('Page.screencastFrameAck', { sessionId }).catch(ignore), FRAME_EVERY_MS)
  })
  await camera.send('Page.startScreencast', { format: 'jpeg', quality: 95 })
  await page.waitForTimeout(CALM_MS)
  await page.keyboard.press('2')
  const killedMs = performance.now()
  await page.waitForTimeout(AFTER_KILL_MS)
  while (!(await isTold(page))) {
    if (performance.now() - killedMs > TOLD_WITHIN_MS)
      throw new Error('the page has not told of every user: the machine is too busy')
    await page.waitForTimeout(FRAME_EVERY_MS)
  }
  await camera.send('Page.stopScreencast')
  return { shots, width, height }
}

/** Of a frame that the browser had sent when it was told to stop. */
function ignore(): void {}

/** Both clusters, with users on both nodes b, and without the tour. */
async function opened(browser: Browser, address: string): Promise<Page> {
  const beside = { strategy: 'sticky', users: USERS, rate: RATE, seed: SEED }
  const answer = await fetch(`${address}/api/beside`, { method: 'POST', body: JSON.stringify(beside) })
  if (!answer.ok) throw new Error(`the second cluster has not started: ${await answer.text()}`)
  const viewport = { width: WIDTH, height: HEIGHT_MAX }
  const context = await browser.newContext({ viewport, locale: 'en-GB', colorScheme: 'light' })
  context.setDefaultTimeout(READY_WITHIN_MS)
  const page = await context.newPage()
  // A first visit is offered the tour.
  await page.addInitScript(() => localStorage.setItem('ninelives-tour', '6'))
  await page.goto(address)
  const nodes = [page, page.frameLocator('#beside')].map((side) => side.locator('.house:nth-child(2) .house-facts'))
  for (const node of nodes) await node.filter({ hasText: /^1\d users/ }).waitFor()
  return page
}

/** From the top to the end of the stages, in even numbers, which the film's format wants. */
async function partInSight(page: Page) {
  const stages = [page, page.frameLocator('#beside')].map((side) => side.locator('.legend').boundingBox())
  const ends = (await Promise.all(stages)).map((box) =>
    box === null ? HEIGHT_MAX : box.y + box.height + 8 + SENTENCE_GROWS,
  )
  const height = Math.min(HEIGHT_MAX, Math.ceil(Math.max(...ends) / 2) * 2)
  return { width: WIDTH, height }
}

async function isTold(page: Page): Promise<boolean> {
  const sides = [page, page.frameLocator('#beside')]
  const texts = await Promise.all(sides.map((side) => side.locator('#sentence').innerText()))
  return texts.every((text) => /was killed/.test(text) && !/have not clicked/.test(text))
}

/** What changed from shot to shot, each for as long as it was in sight. */
async function framesOf(browser: Browser, shots: readonly Shot[], height: number): Promise<readonly Frame[]> {
  const page = await browser.newPage()
  const frames: Frame[] = []
  for (const [index, { atMs, jpeg }] of shots.entries()) {
    const nextMs = shots[index + 1]?.atMs
    const forMs = nextMs === undefined ? LAST_FRAME_MS : Math.round(nextMs - atMs)
    const changed = await page.evaluate(difference, { jpeg, height, quality: QUALITY })
    const last = frames.at(-1)
    if (changed !== undefined) frames.push({ ...changed, forMs, webp: Buffer.from(changed.webp, 'base64') })
    else if (last !== undefined) frames[frames.length - 1] = { ...last, forMs: last.forMs + forMs }
  }
  return frames
}

interface Differing {
  readonly jpeg: string
  /** What is below is cut off. */
  readonly height: number
  readonly quality: number
}

/** Runs in the browser: the rectangle that differs from the picture before, as a WebP; undefined if none does. */
async function difference({ jpeg, height, quality }: Differing) {
  const kept = globalThis as { before?: Uint32Array }
  const picture = await createImageBitmap(await (await fetch(`data:image/jpeg;base64,${jpeg}`)).blob())
  const { width } = picture
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (context === null) throw new Error('the browser has no canvas')
  context.drawImage(picture, 0, 0)
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer)
  const { before } = kept
  let [left, top, right, bottom] = before === undefined ? [0, 0, width - 1, height - 1] : [width, height, -1, -1]
  for (let at = 0; at < (before?.length ?? 0); at++) {
    if (pixels[at] === before?.[at]) continue
    const [x, y] = [at % width, Math.floor(at / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = y
  }
  kept.before = pixels
  if (right < left) return undefined
  const [x, y] = [left - (left % 2), top - (top % 2)]
  const part = new OffscreenCanvas(right - x + 1, bottom - y + 1)
  part.getContext('2d', { alpha: false })?.drawImage(picture, -x, -y)
  const bytes = new Uint8Array(await (await part.convertToBlob({ type: 'image/webp', quality })).arrayBuffer())
  const webp = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
  return { x, y, width: part.width, height: part.height, webp }
}
