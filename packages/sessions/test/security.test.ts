/** What SECURITY.md says of a test or a file is there. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import test from 'ava'

const CITED = /`((?:node\/)?[\w-]+\.test\.ts)` › `([^`]+)`/g

const here = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')

/** The file of that name, in whatever folder below it is. */
function find(folder: string, name: string): string {
  const found = readdirSync(new URL(folder, import.meta.url), { recursive: true, encoding: 'utf8' })
  const path = found.find((each) => each === name || each.endsWith(`/${name}`))
  if (path === undefined) throw new Error(`there is no ${name} in ${folder}`)
  return `${folder}${path}`
}

/** Title as it stands in the source, whatever the source's quotes are. */
function declares(source: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}`))
}

test('every test that SECURITY.md names exists', async (t) => {
  const cited = [...(await here('../SECURITY.md')).matchAll(CITED)]
  t.true(cited.length > 40)
  for (const [, file = '', title = ''] of cited) {
    const folder = file.startsWith('node/') ? '../../node/test/' : './'
    const path = find(folder, file.replace(/^node\//, ''))
    t.true(declares(await here(path), title), `${file}: ${title}`)
  }
})

test('every file that SECURITY.md says holds something exists', async (t) => {
  const text = (await here('../SECURITY.md')).replaceAll(CITED, '').replace('`log.ts` of the demo', '')
  const files = new Set([...text.matchAll(/`([\w-]+\.ts)`/g)].map(([, file = '']) => file))
  t.true(files.size > 10)
  for (const file of files) t.notThrows(() => find('../src/', file))
})

test('every line of its checklists is proved by a test, or says why it is not', async (t) => {
  const rows = (await here('../SECURITY.md')).split('\n').filter((line) => /^\| \d/.test(line))
  t.true(rows.length > 45)
  const excuses = /not held|does not apply|the application's|above|counts from the session's beginning/
  for (const row of rows) t.true(row.includes('.test.ts`') || excuses.test(row), row)
})
