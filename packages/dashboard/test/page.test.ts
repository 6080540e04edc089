import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { pageFile } from '../src/index.ts'

const html = pageFile('/')?.body.toString('utf8') ?? ''
const modules = readdirSync(new URL('../src/page/', import.meta.url), { encoding: 'utf8', recursive: true }).filter(
  (name) => name.endsWith('.ts'),
)

function text(path: string): string {
  return pageFile(path)?.body.toString('utf8') ?? ''
}

/** What a module asks the browser to fetch. */
function imports(path: string): string[] {
  return [...text(path).matchAll(/\bfrom '([^']+)'/g)].map(([, specifier = '']) =>
    specifier.startsWith('/') ? specifier : posix.join(posix.dirname(path), specifier),
  )
}

test('everything that the page asks for is served, module by module', (t) => {
  const seen = new Set<string>()
  const wanted = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path)
  t.true(wanted.includes('/page/main.ts'))
  for (const path of wanted) {
    if (seen.has(path)) continue
    seen.add(path)
    t.truthy(pageFile(path), path)
    if (path.endsWith('.ts')) wanted.push(...imports(path))
  }
  t.true(seen.has('/history/reduce.ts'), 'the reducer is the one of the lab')
  for (const name of modules) t.true(seen.has(`/page/${name}`), `${name} is used`)
})

test('a module runs in a browser as it is served', (t) => {
  for (const name of modules) {
    const source = text(`/page/${name}`)
    t.notRegex(source, /^\s*(import|export) type\b|\binterface \w+ \{/m, name)
    t.notRegex(source, /from '(?![./])/, name)
  }
})

test('types become spaces, so that line numbers stay', (t) => {
  t.regex(text('/page/base/dom.ts'), /export function setText\(target {9}, text {8}\) {6} \{/)
})

test('every element that a module looks for is on the page', (t) => {
  const ids = modules.flatMap((name) => [...text(`/page/${name}`).matchAll(/byId\('([\w-]+)'/g)].map(([, id]) => id))
  t.true(ids.length > 5)
  for (const id of ids) t.true(html.includes(`id="${id}"`), id)
})

test('the page needs no more than its content security policy allows', (t) => {
  const policy = pageFile('/')?.headers['Content-Security-Policy'] ?? ''
  t.regex(policy, /^default-src 'none'/)
  t.notRegex(policy, /unsafe|\*|https?:/)
  t.notRegex(html, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?:\/\//)
})

test('only files of the page are served', (t) => {
  for (const path of [
    '/page/',
    '/page/../index.ts',
    '/page/..%2findex.ts',
    '/history/../package.json',
    '/history/package.json',
    '/index.ts',
    '/page/nothing.ts',
    '/constructor',
    '',
  ]) {
    t.is(pageFile(path), undefined, path)
  }
})

test('serving the page leaves no warning on the terminal', async (t) => {
  let warned = false
  const listener = (): void => void (warned = true)
  process.on('warning', listener)
  t.teardown(() => process.off('warning', listener))
  t.truthy(pageFile('/page/panels/story.ts'))
  await setImmediate()
  t.false(warned)
})

test('what a visitor is told to install is what the README of the session layer says', (t) => {
  const readme = readFileSync(new URL('../../sessions/README.md', import.meta.url), 'utf8')
  const [, commands = ''] = /<template id="take-home">[^]*?<pre><code>([^<]+)/.exec(html) ?? []
  t.is(commands.split('\n').length, 2)
  for (const command of commands.split('\n')) t.true(readme.includes(`    ${command}`), command)
})
