import test from 'ava'
import { RetryBudget } from '../src/retry-budget.ts'

const LIMITS = { retryPercent: 20, retryPerSMin: 10 }

/** How many retries there are at this instant, spent until none is left. */
function spentAt(budget: RetryBudget, nowMs: number): number {
  let count = 0
  while (budget.left(nowMs)) {
    budget.spend()
    count += 1
  }
  return count
}

function requests(budget: RetryBudget, count: number): void {
  for (let index = 0; index < count; index += 1) budget.request()
}

test('without any traffic there are a few, again in each second', (t) => {
  const budget = new RetryBudget(LIMITS)
  t.is(spentAt(budget, 0), 10)
  t.is(spentAt(budget, 999), 0)
  t.is(spentAt(budget, 1_000), 10)
  t.is(spentAt(budget, 60_000), 10)
})

test('with traffic there is a share of it', (t) => {
  const budget = new RetryBudget(LIMITS)
  t.true(budget.left(0))
  requests(budget, 1_000)
  t.is(spentAt(budget, 1_000), 200)
  t.is(spentAt(budget, 1_500), 0)
})

test('what counts is how many there are in a second, however long ago somebody asked', (t) => {
  const budget = new RetryBudget(LIMITS)
  t.true(budget.left(0))
  requests(budget, 1_000)
  t.is(spentAt(budget, 10_000), 20)
})

test('a burst counts at once', (t) => {
  const budget = new RetryBudget(LIMITS)
  t.is(spentAt(budget, 0), 10)
  requests(budget, 500)
  t.is(spentAt(budget, 500), 90)
})
