/** The page of what each strategy survives comes from the published results. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { strategies } from '@ninelives/lab'
import { columns } from '../matrix/columns.ts'
import { KOREAN } from '../safety/korean.ts'
import { PAGES, published } from '../safety/main.ts'
import { safetyPage } from '../safety/page.ts'

test('the pages are what their script makes of the published results', (t) => {
  for (const [file, words] of PAGES)
    t.is(readFileSync(file, 'utf8'), safetyPage(published(), words), `npm run bench:safety makes ${file} again`)
})

test('the Korean page has words of its own for each strategy and each fault', (t) => {
  for (const { name } of strategies) t.regex(KOREAN.aboutRow(name), /[가-힣].*\.$/, name)
  for (const { name } of columns) t.regex(KOREAN.aboutColumn(name), /[가-힣]/, name)
})

test('every strategy and peer has its part, and a cell is told as survived, not survived or unproven', (t) => {
  const { matrix, proofs } = published()
  const page = safetyPage({ matrix, proofs, broken: undefined })
  for (const { name, title, role } of matrix.rows)
    t.true(page.includes(`\n### ${role === 'strategy' ? name : title}\n`))
  const [strategies = ''] = page.split('## What no run here shows')
  for (const { about } of columns) {
    const of = matrix.cells.filter((cell) => columns.find(({ name }) => name === cell.column)?.about === about)
    t.is(strategies.split(about).length - 1, of.length, about)
  }
})

test('a cell that was measured before the lab changed says so, until it is measured again', (t) => {
  const { matrix, proofs, broken } = published()
  const noted = (startedAt: string, measuredAt?: string): boolean => {
    const cells = matrix.cells.map(({ measuredAt: _kept, ...cell }) =>
      measuredAt === undefined ? cell : { ...cell, measuredAt },
    )
    const page = safetyPage({ matrix: { ...matrix, startedAt, cells }, proofs, broken })
    return page.includes('measured with an asynchronous replica')
  }
  t.true(noted('2026-11-29T03:02:43Z'))
  t.false(noted('2026-12-01T00:00:00Z'))
  t.false(noted('2026-11-29T03:02:43Z', '2026-12-01T00:00:00Z'))
})

test('what was broken on purpose and missed is counted', (t) => {
  const broken = { broken: [{ name: 'x', caughtAs: 'leak', caught: [1, 2], missed: [3] }] }
  t.regex(safetyPage({ ...published(), broken }), /\| x +\| leak +\| 2 of 3 +\|/)
})
