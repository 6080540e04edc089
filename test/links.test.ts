/** Every relative link in a Markdown file leads to a file, and its anchor to a heading there. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = globSync('**/*.md', { cwd: root, exclude: (name) => /(^|\/)(node_modules|\.ninelives)$/.test(name) })
const CODE_BLOCK = /^ *```.*?^ *```$/gms
const CODE_SPAN = /`[^`\n]*`/g
const LINK = /\]\(([^()\s]+)\)/g
const HEADING = /^#+ +(.*)$/gm

/** As GitHub names the anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function anchorsIn(path: string): Set<string> {
  const text = readFileSync(path, 'utf8').replaceAll(CODE_BLOCK, '')
  return new Set([...text.matchAll(HEADING)].map(([, heading = '']) => anchorOf(heading.trim())))
}

/** What is wrong with a link, or undefined. */
function problemOf(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#', 2)
  const target = path === '' ? join(root, page) : join(root, dirname(page), decodeURIComponent(path))
  if (!existsSync(target)) return 'there is no such file'
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return undefined
  return anchorsIn(target).has(anchor) ? undefined : 'there is no such heading'
}

test('the pages of the stores are among the pages whose links are checked', (t) => {
  t.true(pages.includes('docs/stores/README.md'))
  t.true(pages.includes('packages/sessions/README.md'))
})

test('a link to a missing file or heading is found', (t) => {
  t.is(problemOf('README.md', 'docs/stores/none.md'), 'there is no such file')
  t.is(problemOf('README.md', 'docs/glossary.md#none'), 'there is no such heading')
  t.is(problemOf('docs/stores/memcached.md', '#the-url'), undefined)
})

for (const page of pages) {
  test(`the links of ${page} lead somewhere`, (t) => {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(CODE_BLOCK, '').replaceAll(CODE_SPAN, '')
    const links = [...text.matchAll(LINK)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/i.test(link))
    const broken = links.flatMap((link) => {
      const problem = problemOf(page, link)
      return problem === undefined ? [] : [`${link}: ${problem}`]
    })
    t.deepEqual(broken, [])
  })
}

test('every page of docs/stores is named in its README', (t) => {
  const index = readFileSync(join(root, 'docs/stores/README.md'), 'utf8')
  const named = pages
    .filter((page) => /^docs\/stores\/(?!README)/.test(page))
    .map((page) => page.slice('docs/stores/'.length))
  t.true(named.length >= 8)
  for (const page of named) t.true(index.includes(`](${page})`) || index.includes(`](${page}#`), page)
})
