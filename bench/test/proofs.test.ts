import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { strategies } from '@ninelives/lab'
import { nameOf, plans, type Proof, type Proofs, PROOFS_SCHEMA, proveArguments } from '../proofs/proofs.ts'
import { strategiesTable, withStrategies } from '../proofs/table.ts'

const proofs = JSON.parse(readFileSync(new URL('../results/strategies.json', import.meta.url), 'utf8')) as Proofs

test("the README's table of the strategies comes from the kept proofs", (t) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  t.is(readme, withStrategies(readme, proofs), 'npm run bench:proofs makes it again')
})

test('every strategy is proved, and every fault of its runs landed', (t) => {
  t.is(proofs.schema, PROOFS_SCHEMA)
  t.deepEqual(proofs.proofs.map(nameOf), plans.map(nameOf))
  for (const { faults, ...proof } of proofs.proofs) t.is(faults.missed, 0, nameOf(proof))
})

test('a plan names its faults, and a private server of its database', (t) => {
  const plan = plans.find(({ database }) => database === 'mariadb')
  assert(plan)
  const given = proveArguments(plan, 'DIR').join(' ')
  t.regex(
    given,
    /^prove --strategy database --database mariadb --faults kill@store,pause@store --kills 10 .*--logs DIR$/,
  )
})

test('a loss is told with what it is of, and other anomalies by their names', (t) => {
  const [first] = proofs.proofs
  assert(first)
  const lossy: Proof = {
    ...first,
    strategy: 'redis',
    verdict: 'invalid',
    sessions: { begun: 1_000, lost: 10 },
    writes: { acknowledged: 5_000, lost: 0 },
    anomalies: [
      { kind: 'lost-session', times: 10 },
      { kind: 'duplicate', times: 2 },
    ],
  }
  const row = (proof: Proof): string =>
    strategiesTable({ ...proofs, proofs: [proof] })
      .split('\n')
      .find((line) => line.startsWith('| redis ')) ?? ''
  t.regex(row(lossy), /\| 10 of 1,000 sessions *\| – *\|$/)
  const doubled = { ...lossy, sessions: { begun: 1_000, lost: 0 } }
  t.regex(row(doubled), /\| lost-session 10 times, duplicate 2 times *\| – *\|$/)
  t.regex(
    row({ ...lossy, verdict: 'unknown', doubts: ['a fault did not land'] }),
    /\| unknown: a fault did not land *\|/,
  )
  t.is(
    strategiesTable(proofs)
      .split('\n')
      .filter((line) => line.startsWith('| ')).length,
    strategies.length + 2,
  )
})
