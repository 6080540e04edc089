/**
 * Histories written by hand, and the whole verdict that each must get. For every anomaly there are some that pass, some
 * that fail and some that leave it unknown.
 */
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { ANOMALIES, evidenceOf, judge } from '../src/index.ts'
import { historyOf, linesOf } from './histories.ts'

interface Case {
  readonly file: string
  readonly kind: 'pass' | 'fail' | 'unknown'
  readonly title: string
  readonly history: string
  readonly verdict: string
}

const database = new URL('database/', import.meta.url)
const verdicts: Readonly<Record<Case['kind'], string>> = { pass: 'valid', fail: 'invalid', unknown: 'unknown' }

const cases: readonly Case[] = readdirSync(database).flatMap((name) =>
  readFileSync(new URL(name, database), 'utf8')
    .split(/^== /m)
    .slice(1)
    .map((text): Case => {
      const [heading = '', ...lines] = text.trim().split('\n')
      const [kind = '', title = ''] = heading.split(/: (.*)/)
      const [history = '', verdict = ''] = lines.join('\n').split(/^--$\n?/m)
      return { file: name.replace('.txt', ''), kind: kind as Case['kind'], title, history, verdict }
    }),
)

for (const { file, kind, title, history, verdict } of cases) {
  test(`${file}, ${kind}: ${title}`, (t) => {
    const events = historyOf(history)
    const given = judge(events)
    t.is(linesOf(given), verdict)
    t.is(verdicts[kind], given.verdict)
    for (const anomaly of given.anomalies) {
      const shortest = evidenceOf(events, anomaly)
      t.deepEqual(
        judge(shortest).anomalies.map((each) => each.kind),
        [anomaly.kind],
        'the shortest history shows this and nothing else',
      )
      t.deepEqual(evidenceOf(shortest, anomaly), shortest, 'and is the shortest')
    }
  })
}

test('there is a history of each kind for every anomaly', (t) => {
  for (const anomaly of ANOMALIES) {
    const kinds = cases.filter(({ file }) => file === anomaly).map(({ kind }) => kind)
    t.deepEqual([...new Set(kinds)].sort(), ['fail', 'pass', 'unknown'], anomaly)
  }
})

test('every anomaly is in the table of the README', (t) => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'))
  for (const kind of ANOMALIES)
    t.true(
      rows.some((row) => row.includes(`\`${kind}\``)),
      kind,
    )
})
