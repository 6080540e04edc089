/**
 * The shop's page: a few files that are read at start, with the same ETags on every node, so that a browser may get the page from
 * one node and its script from another. The content security policy allows only these files and the shop's API.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type Router from '@koa/router'
import { browserModule, tokensCss } from '@ninelives/style'
import type Koa from 'koa'
import type { RequestState } from '../request.ts'

const FILES = {
  '/shop.css': 'text/css',
  '/shop.js': 'text/javascript',
  '/api.js': 'text/javascript',
  '/strings.js': 'text/javascript',
  '/view.js': 'text/javascript',
  '/lab.js': 'text/javascript',
  '/floor.js': 'text/javascript',
  '/favicon.svg': 'image/svg+xml',
} as const

/** The browser's end of a socket: it imports nothing. */
const CLIENT = new URL(import.meta.resolve('@ninelives/sessions/client'))

/** The first is the default. */
const LANGUAGES = ['en', 'ko'] as const

const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

interface StaticFile {
  readonly content: Buffer
  readonly type: string
  readonly etag: string
}

export function pageRoutes(router: Router<RequestState>): void {
  const html = read('index.html').toString()
  // The texts are in the page's dictionary; the server only chooses the first language.
  const pages = new Map<string, StaticFile>(
    LANGUAGES.map((language) => [language, staticFile(html.replace('lang="en"', `lang="${language}"`), 'text/html')]),
  )
  router.get('/', (ctx) => {
    const language = ctx.acceptsLanguages(...LANGUAGES) || LANGUAGES[0]
    ctx.vary('Accept-Language')
    ctx.set('Content-Language', language)
    answer(ctx, pages.get(language))
  })

  for (const [path, type] of Object.entries(FILES)) {
    const file = staticFile(read(path.slice(1)), type)
    router.get(path, (ctx) => answer(ctx, file))
  }
  const tokens = staticFile(tokensCss, 'text/css')
  router.get('/tokens.css', (ctx) => answer(ctx, tokens))
  const source = readFileSync(CLIENT, 'utf8')
  let client: StaticFile | undefined
  router.get('/client.js', (ctx) => {
    // Stripping the types loads a parser: a fifth of the CPU of a start. Only nodes that a browser asks need it.
    client ??= staticFile(browserModule(source), 'text/javascript')
    answer(ctx, client)
  })
}

function answer(ctx: Koa.Context, file: StaticFile | undefined): void {
  if (file === undefined) return
  ctx.set({ ...HEADERS, 'Cache-Control': 'no-cache', ETag: file.etag })
  ctx.status = 200
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  ctx.type = file.type
  ctx.body = file.content
}

function staticFile(content: string | Buffer, type: string): StaticFile {
  const hash = createHash('sha256').update(content).digest('base64url')
  return { content: Buffer.from(content), type, etag: `"${hash.slice(0, 27)}"` }
}

function read(name: string): Buffer {
  return readFileSync(new URL(`../page/${name}`, import.meta.url))
}
