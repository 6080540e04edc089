/** The page of what each strategy survives comes from the published results. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { columns } from '../matrix/columns.ts'
import { published, SAFETY_PAGE } from '../safety/main.ts'
import { safetyPage } from '../safety/page.ts'

test('the page is what its script makes of the published results', (t) => {
  t.is(readFileSync(SAFETY_PAGE, 'utf8'), safetyPage(published()), 'npm run bench:safety makes it again')
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

test('what was broken on purpose and missed is counted', (t) => {
  const broken = { broken: [{ name: 'x', caughtAs: 'leak', caught: [1, 2], missed: [3] }] }
  t.regex(safetyPage({ ...published(), broken }), /\| x +\| leak +\| 2 of 3 +\|/)
})
