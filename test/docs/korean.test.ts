/** Each Korean page says what its English one says: the same headings, links and commands, and every word of the glossary. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import test from 'ava'
import { ROOT } from '../../docs/generate/source.ts'

const KOREAN = 'docs/ko/'
const CODE_BLOCK = /^```(\w*)\n([\s\S]*?)^```$/gm
/** Trees and drawings have words in them, and are translated. */
const TRANSLATED = 'text'

const pages = globSync(`${KOREAN}**/*.md`, { cwd: ROOT })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path !== `${KOREAN}README.md`)

interface Page {
  readonly levels: readonly number[]
  /** Where its links lead, whatever language the target is in, without those between the two languages of this page. */
  readonly targets: readonly string[]
  readonly code: readonly string[]
  /** In each table, the number of rows. */
  readonly rows: readonly number[]
}

function read(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const prose = text.replaceAll(CODE_BLOCK, '')
  const code = [...text.matchAll(CODE_BLOCK)].map(([, language = '', block = '']) =>
    language === TRANSLATED || language === '' ? `${block.split('\n').length} lines` : block,
  )
  const itself = path.replace(KOREAN, 'docs/')
  const targets = [...prose.matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, link = '']) => (/^[a-z]+:/.test(link) ? link : (link.split('#', 1)[0] ?? '')))
    .map((link) => (/^[a-z]+:/.test(link) ? link : posix.join(posix.dirname(path), link).replace(KOREAN, 'docs/')))
    .filter((target) => target !== itself)
  const tables = prose.match(/(?:^\|.*\n)+/gm) ?? []
  return {
    levels: [...prose.matchAll(/^(#+) /gm)].map(([, marks = '']) => marks.length),
    targets: targets.sort(),
    code: [...code, ...(prose.match(/^ {4}\S.*$/gm) ?? [])],
    rows: tables.map((table) => table.trim().split('\n').length),
  }
}

test('there are Korean pages', (t) => {
  t.true(pages.length >= 3)
})

for (const path of pages) {
  test(`${path} has the headings, links, tables and commands of its English page`, (t) => {
    const english = path.replace(KOREAN, 'docs/')
    t.true(existsSync(join(ROOT, english)), `there is no ${english}`)
    t.deepEqual(read(path), read(english))
  })
}

test('every Korean page is in the list of Korean pages, and names its English one', (t) => {
  const list = readFileSync(join(ROOT, KOREAN, 'README.md'), 'utf8')
  for (const path of pages) {
    t.true(list.includes(`](${path.slice(KOREAN.length)})`), path)
    const english = posix.relative(posix.dirname(path), path.replace(KOREAN, 'docs/'))
    t.true(readFileSync(join(ROOT, path), 'utf8').includes(`](${english})`), `${path} has no link to ${english}`)
  }
})

/** The first cells of its tables. */
function words(path: string): string[] {
  return [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^\| ([^|]+?) +\|/gm)].map(([, word = '']) => word)
}

test('the Korean glossary has every word of the English one', (t) => {
  const english = words('docs/glossary.md').filter((word) => word !== 'word')
  t.true(english.length > 50)
  t.deepEqual(
    words('docs/ko/glossary.md').filter((word) => word !== '영어'),
    english,
  )
})
