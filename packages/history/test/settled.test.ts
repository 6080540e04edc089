/**
 * What is settled is only kept in another form, so no verdict may depend on it. A thing with a line's end in its name is never
 * settled: a history in which each has one must be judged as the same history without.
 */
import test from 'ava'
import { type AnomalyKind, judge, type TraceEvent, type Verdict } from '../src/index.ts'
import { historyOf } from './histories.ts'

const HISTORIES = 1_000
const STEPS = 40

test('a verdict is the same whether or not what was seen is settled', (t) => {
  const found = new Set<AnomalyKind>()
  let valid = 0
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const lines = randomHistory(seed)
    const verdict = judge(historyOf(lines))
    t.deepEqual(named(judge(historyOf(lines).map(withLineEnds))), verdict, `seed ${seed}:\n${lines}`)
    for (const { kind } of verdict.anomalies) found.add(kind)
    if (verdict.anomalies.length === 0) valid++
  }
  t.true(valid > HISTORIES / 20, `${valid} without an anomaly`)
  const expected: AnomalyKind[] = [
    'amnesia',
    'back-in-time',
    'duplicate',
    'hole',
    'lost-update',
    'lost-write',
    'stale-read',
  ]
  t.deepEqual(
    expected.filter((kind) => !found.has(kind)),
    [],
  )
})

test('after a visit the ledger knows which user put each item', (t) => {
  const events = historyOf(`
user-1 login 10-20 ok
user-1 put A 30-40 ok [A]
user-1 put B 45-50 ok [A B]
user-1 logout 55-60 ok
user-1#2 login 65-70 ok
user-0 login 75-80 ok
user-0 read 85-90 ok [B]`).map(withLineEnds)
  t.like(judge(events).anomalies[0], { kind: 'leak', worst: { ops: [3, 7] } })
})

/** A user in two tabs fills a cart and looks at it, and sometimes the cart is not as it should be. */
function randomHistory(seed: number): string {
  const random = numbers(seed)
  const isBad = (): boolean => random() < (seed % 4) / 40
  let cart: string[] = []
  const lines = ['user-0 login 10-20 ok']
  for (let step = 1; step <= STEPS; step++) {
    const sentAtMs = step * 30 + Math.floor(random() * 20)
    const endsAtMs = sentAtMs + 5 + Math.floor(random() * 30)
    const doing = random() < 0.5 ? `put S${step}` : 'read'
    if (doing !== 'read' && !isBad()) cart.push(`S${step}`)
    const shown = isBad() ? cart.filter(() => random() < 0.7) : isBad() ? cart.toReversed() : cart
    if (isBad()) cart = shown
    if (random() < 0.02 * (seed % 4)) cart = []
    const items = shown.flatMap((sku) => (isBad() ? [`${sku}*2`] : isBad() ? [sku, sku] : [sku])).join(' ')
    const outcome = isBad() ? 'unknown' : `ok [${items}]`
    lines.push(`user-0/${random() < 0.5 ? 0 : 1} ${doing} ${sentAtMs}-${endsAtMs} ${outcome}`)
  }
  return lines.join('\n')
}

function withLineEnds(event: TraceEvent): TraceEvent {
  if (event.type === 'operation-sent' && event.sku !== undefined) return { ...event, sku: `${event.sku}\n` }
  if (event.type !== 'operation-ended' || event.items === undefined) return event
  return { ...event, items: event.items.map(([sku, quantity]) => [`${sku}\n`, quantity]) }
}

function named(verdict: Verdict): Verdict {
  return JSON.parse(JSON.stringify(verdict).replaceAll(String.raw`\n`, '')) as Verdict
}

/** Park and Miller's. */
function numbers(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
