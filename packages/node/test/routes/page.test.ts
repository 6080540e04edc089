import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

const folder = new URL('../../src/page/', import.meta.url)
const source = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

test('the page and everything it asks for is served, under a policy that allows nothing else', async (t) => {
  const visitor = client((await shopServer(t)).url)
  const page = await visitor.send('GET', '/')
  t.is(page.headers.get('Content-Type'), 'text/html; charset=utf-8')
  const asked = [...(page.body as string).matchAll(/(?:src|href)="(\/[\w.]+)"/g)].map(([, path]) => path as string)
  t.deepEqual(
    [...new Set(asked)].sort(),
    [...readdirSync(folder), 'client.js', 'tokens.css']
      .filter((name) => name !== 'index.html')
      .map((name) => `/${name}`)
      .sort(),
  )

  const policy = page.headers.get('Content-Security-Policy') ?? ''
  t.notRegex(policy, /unsafe|data:|\*|http/)
  for (const directive of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"])
    t.true(policy.includes(directive))
  for (const path of ['/', ...asked]) {
    const { status, headers } = await visitor.send('GET', path)
    t.is(status, 200, path)
    t.is(headers.get('Content-Security-Policy'), policy, path)
    t.is(headers.get('Referrer-Policy'), 'no-referrer')
    t.is(headers.get('X-Content-Type-Options'), 'nosniff')
    t.deepEqual(headers.getSetCookie(), [])
  }
})

test('nothing in the page is inline', (t) => {
  const html = source('index.html')
  t.notRegex(html, /<style|\sstyle=|\son\w+=|javascript:/i)
  for (const [, attributes, content] of html.matchAll(/<script([^>]*)>([^<]*)/g)) {
    t.regex(attributes as string, /src="/)
    t.is(content, '')
  }
})

test('the page begins in the language that the browser wishes for', async (t) => {
  const visitor = client((await shopServer(t)).url)
  for (const [wish, language] of [
    ['ko-KR,ko;q=0.9,en;q=0.8', 'ko'],
    ['en-GB,en;q=0.9,ko;q=0.1', 'en'],
    ['fr', 'en'],
    ['*', 'en'],
  ] as const) {
    const { body, headers } = await visitor.send('GET', '/', undefined, { 'Accept-Language': wish })
    t.regex(body as string, new RegExp(`<html lang="${language}">`), wish)
    t.is(headers.get('Content-Language'), language)
    t.is(headers.get('Vary'), 'Accept-Language')
  }
})

test('every node answers 304 to a browser that has the page', async (t) => {
  const [here, there] = [client((await shopServer(t)).url), client((await shopServer(t, { node: 'b' })).url)]
  for (const path of ['/', '/shop.css']) {
    const etag = (await here.send('GET', path)).headers.get('ETag') ?? ''
    t.regex(etag, /^"[\w-]{27}"$/)
    const again = await there.send('GET', path, undefined, { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' })
    t.is(again.status, 304)
    t.is(again.body, '')
  }
})

test('every text of the page is there in both languages, with the same gaps to fill', async (t) => {
  // What the dictionary asks of a browser when it is loaded.
  const remembered = { getItem: () => null, setItem: () => {} }
  Object.defineProperty(globalThis, 'localStorage', { value: remembered, configurable: true })
  Object.defineProperty(globalThis, 'document', { value: { documentElement: { lang: 'ko' } }, configurable: true })
  const strings = (await import(new URL('strings.js', folder).href)) as {
    languages: string[]
    chooseLanguage(language: string): void
    translated(key: string, values?: object): string
  }
  const shown = `${source('index.html')}${source('shop.js')}${source('view.js')}`
  const keys = [
    ...shown.matchAll(/(?:data-(?:text|label|shared|sticky|memory)="|translated\('|say\('|key: '|sku: ')([\w-]+)/g),
  ]
    .map(([, key]) => key as string)
    .filter((key) => key !== 'sku')
  t.true(keys.length > 40)
  t.deepEqual(strings.languages.sort(), ['en', 'ko'])
  const gaps: Record<string, unknown> = {}
  for (const language of strings.languages) {
    strings.chooseLanguage(language)
    for (const key of keys) {
      const asked = new Set<string>()
      const values = new Proxy({}, { get: (_target, name) => (asked.add(String(name)), '…') })
      t.true(strings.translated(key, values).length > 0, `${language}: ${key}`)
      const filled = [...asked].sort()
      t.deepEqual(filled, gaps[key] ?? filled, `${language}: ${key}`)
      gaps[key] = filled
    }
  }
})
