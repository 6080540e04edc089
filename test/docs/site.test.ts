/** The documentation as a site: every link leads somewhere, it asks no other server for anything, and axe finds no barrier. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, posix } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { ROOT } from '../../docs/generate/source.ts'
import type { Page } from 'playwright-core'
import { barriersNow, browserMissing, openPage } from '../support/browser.ts'

const run = promisify(execFile)
const DIST = join(ROOT, 'docs/site/.vitepress/dist')
const BUILD_MS = 600_000
/** Of what a first visit to a page loads beside its pictures, as it is on disk; a server that compresses sends a third of it. */
const PAGE_BYTES_MAX = 1_000_000
const PICTURES: ReadonlySet<string> = new Set(['.svg', '.webp'])
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
}

const inBrowser = browserMissing === undefined ? test.serial : test.serial.skip
if (browserMissing !== undefined) test.skip(`the site: ${browserMissing}`, () => {})

test.before('builds it', async (t) => {
  t.timeout(BUILD_MS)
  const env = { ...process.env, PATH: `${ROOT}/node_modules/.bin:${process.env['PATH']}` }
  await run('npm', ['run', 'docs:build'], { cwd: ROOT, env, timeout: BUILD_MS })
  t.pass()
})

test.serial('every link of every page leads to a page, and its anchor to a place there', (t) => {
  const pages = new Map(
    globSync('**/*.html', { cwd: DIST }).map((page) => [`/${page}`, readFileSync(join(DIST, page), 'utf8')]),
  )
  t.true(pages.size > 40)
  const anchors = new Map(
    [...pages].map(([page, html]) => [page, new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))]),
  )
  const broken: string[] = []
  for (const [page, html] of pages) {
    for (const [, link = ''] of html.matchAll(/<a [^>]*?href="([^"]*)"/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [path = '', anchor] = link.split('#', 2)
      let target = path === '' ? page : posix.join(posix.dirname(page), path.startsWith('/') ? '/' : '.', path)
      if (path.startsWith('/')) target = path
      if (target.endsWith('/')) target += 'index.html'
      const exists = pages.has(target) || isFile(join(DIST, target))
      const isThere =
        anchor === undefined || anchor === '' || anchors.get(target)?.has(decodeURIComponent(anchor)) !== false
      if (!exists || !isThere) broken.push(`${page}: ${link}`)
    }
  }
  t.deepEqual(broken, [])
})

/** Of a kind of page each, in both languages. */
const LOOKED_AT = [
  '/',
  '/all-pages.html',
  '/tutorial.html',
  '/glossary.html',
  '/how-to/haproxy-or-nginx-in-front.html',
  '/explanation/choosing.html',
  '/explanation/safety.html',
  '/reference/commands.html',
  '/reference/errors.html',
  '/packages/sessions/',
  '/ko/',
  '/ko/tutorial.html',
  '/ko/explanation/choosing.html',
]
/** The site's script names them as soon as it runs; without it they do nothing. */
const SWITCHES_HAVE_NAMES = `[...document.querySelectorAll('.VPSwitchAppearance')].every(({ title }) => title !== '')`
const DESKTOP = { width: 1_440, height: 900 }
const PHONE = { width: 390, height: 844 }

// Colours do not depend on the width, and what fits does not depend on the colours.
for (const [colorScheme, size] of [
  ['light', DESKTOP],
  ['dark', PHONE],
] as const) {
  inBrowser(
    `${colorScheme}, ${size.width} wide: axe finds no barrier, pages are light, fit and ask no other server`,
    async (t) => {
      t.timeout(BUILD_MS)
      const { origin, sent } = await served(t)
      const { page, errors } = await openPage(t, 'about:blank', { colorScheme, ...size })
      const elsewhere: string[] = []
      page.on('request', (request) => {
        if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) elsewhere.push(request.url())
      })
      for (const path of LOOKED_AT) {
        sent.bytes = 0
        await page.goto(origin + path, { waitUntil: 'networkidle' })
        await page.waitForFunction(SWITCHES_HAVE_NAMES)
        t.true(sent.bytes < PAGE_BYTES_MAX, `${path}: ${sent.bytes} bytes`)
        t.deepEqual(await barriersNow(page), [], path)
        t.true((await contentWidth(page)) <= size.width, `${path} is wider than the window`)
      }
      t.deepEqual(elsewhere, [])
      t.deepEqual(errors, [])
    },
  )
}

inBrowser('search finds a page by its words, with the keyboard alone, in both languages', async (t) => {
  const { origin } = await served(t)
  const { page, errors } = await openPage(t, origin)
  for (const [path, word, found] of [
    ['/', 'guard lease', 'replication'],
    ['/ko/', '재시도 예산', 'ko/glossary'],
  ] as const) {
    await page.goto(origin + path, { waitUntil: 'networkidle' })
    await page.keyboard.press('Control+k')
    await page.locator('.VPLocalSearchBox input').fill(word)
    await page.locator(`.VPLocalSearchBox .result[href*="${found}"]`).first().press('Enter')
    await page.waitForURL(new RegExp(found), { waitUntil: 'commit' })
  }
  t.deepEqual(errors, [])
})

test.serial('llms.txt and the OpenAPI of the control API are beside the pages', (t) => {
  t.is(readFileSync(join(DIST, 'llms.txt'), 'utf8'), readFileSync(join(ROOT, 'llms.txt'), 'utf8'))
  t.true(isFile(join(DIST, 'docs/reference/control-api.yaml')))
})

async function contentWidth(page: Page): Promise<number> {
  return await page.evaluate('document.documentElement.scrollWidth')
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** As any file server does. */
async function served(t: ExecutionContext): Promise<{ origin: string; sent: { bytes: number } }> {
  const sent = { bytes: 0 }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://site')
    const file = join(DIST, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    if (!isFile(file)) return response.writeHead(404).end()
    const content = readFileSync(file)
    if (!PICTURES.has(extname(file))) sent.bytes += content.length
    return response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(content)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent }
}
