/** What the table says of late requests, and that docs/stores/database.md has the table of the kept result. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import type { ExpiryResult, ExpiryRound, Lateness } from '../expiry/result.ts'
import { expiryTable, withExpiry } from '../expiry/table.ts'

const kept = JSON.parse(readFileSync(new URL('../results/expiry.json', import.meta.url), 'utf8')) as ExpiryResult
const page = readFileSync(new URL('../../docs/stores/database.md', import.meta.url), 'utf8')

const lateness = (longestMs: number, requests = 1_000): Lateness => ({ requests, longestMs })

function table(besideMs: number, controlMs: number, changed: Partial<ExpiryRound> = {}): string {
  const control = [lateness(1), lateness(controlMs)]
  const round = { purgeMs: 5_000, left: 0, beside: lateness(besideMs, 2_000), control, othersShare: 0, ...changed }
  return expiryTable({ ...kept, stores: [{ name: 'sqlite', title: 'SQLite', rounds: [round] }] })
}

test('the longest request beside the deletions is judged, and beside the longest without them', (t) => {
  t.regex(table(19, 1), /^SQLite: no request was later than 20 ms: reached$/m)
  t.regex(
    table(90, 80),
    /^SQLite: 90\.0 ms at most, and 80\.0 without any expiry: reached as far as this machine tells$/m,
  )
  t.regex(table(90, 8), /^SQLite: 90\.0 ms at most, and 8\.0 without any expiry: missed$/m)
  t.regex(
    table(90, 80, { beside: lateness(90, 125) }),
    /^SQLite: 90\.0 ms at most, of too few requests to compare with the 80\.0 without any expiry: undecided$/m,
  )
})

test('few requests that are late have missed the bound all the same', (t) => {
  const beside = lateness(5_000, 40)
  t.regex(table(0, 80, { beside }), /^SQLite: 5000\.0 ms at most, and 80\.0 without any expiry: missed$/m)
})

test('a deletion that did not end is no success, however quick the requests were', (t) => {
  t.regex(table(1, 1, { left: 1_234 }), /^SQLite: the deletion did not end$/m)
  t.regex(table(1, 1, { left: 1_234 }), /not done: 1,234 left/)
})

test('figures of a busy machine say so', (t) => {
  t.regex(table(1, 1, { othersShare: 0.5 }), /Not to be quoted: .*others had 50 % of the machine/)
})

test('the page has the table of the kept result', (t) => {
  t.is(withExpiry(page, kept), page)
})
