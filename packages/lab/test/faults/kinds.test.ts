import { readFileSync } from 'node:fs'
import test from 'ava'
import { faults } from '../../src/faults/kinds/index.ts'

test('every fault is a row in the table of the README', (t) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  for (const kind of faults.keys()) t.true(readme.includes(`\n| \`${kind}\``), kind)
})
