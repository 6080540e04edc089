import test from 'ava'
import { detector } from '../../src/upstreams/health.ts'
import type { HealthChange, ProbeOutcome } from '../../src/upstreams/health.ts'

const READY: ProbeOutcome = { result: 'ready' }
const UNREADY: ProbeOutcome = { result: 'unready' }
const FAILED: ProbeOutcome = { result: 'failed', reason: 'no answer' }
const REFUSED: ProbeOutcome = { result: 'refused', reason: 'ECONNREFUSED' }

/** Feeds probes a second apart, each of which took 100 ms, and returns what changed. */
function changes(outcomes: readonly ProbeOutcome[], rules = { rise: 2, fall: 3 }): HealthChange[] {
  const health = detector(rules)
  return outcomes.flatMap((outcome, second) => health.probed(outcome, second * 1_000, second * 1_000 + 100) ?? [])
}

test('an upstream is up until there is evidence against it', (t) => {
  t.is(detector({ rise: 1, fall: 1 }).standing, 'up')
  t.deepEqual(changes([READY, READY]), [])
})

test('failures eject when they come in a row', (t) => {
  t.deepEqual(changes([FAILED, FAILED, READY, FAILED, FAILED]), [])
  t.deepEqual(changes([FAILED, FAILED, FAILED, FAILED]), [{ to: 'down', reason: 'no answer' }])
})

test('a refused probe ejects at once', (t) => {
  t.deepEqual(changes([REFUSED, REFUSED]), [{ to: 'down', reason: 'ECONNREFUSED' }])
})

test('ready answers readmit when they come in a row', (t) => {
  t.deepEqual(changes([REFUSED, READY, FAILED, READY]), [{ to: 'down', reason: 'ECONNREFUSED' }])
  t.deepEqual(changes([REFUSED, READY, READY]), [
    { to: 'down', reason: 'ECONNREFUSED' },
    { to: 'up', outForMs: 2_000 },
  ])
})

test('a request that is refused ejects at once, and only once', (t) => {
  const health = detector({ rise: 1, fall: 3 })
  t.deepEqual(health.refused('ECONNREFUSED', 5), { to: 'down', reason: 'ECONNREFUSED' })
  t.is(health.refused('ECONNREFUSED', 6), undefined)
  t.is(health.standing, 'down')
})

test('a probe that set out before the ejection does not undo it', (t) => {
  const health = detector({ rise: 1, fall: 3 })
  health.refused('ECONNREFUSED', 100)
  t.is(health.probed(READY, 99, 101), undefined)
  t.is(health.standing, 'down')
  t.deepEqual(health.probed(READY, 102, 103), { to: 'up', outForMs: 3 })
})

test('503 drains at once, and readiness readmits', (t) => {
  t.deepEqual(changes([UNREADY, UNREADY, READY, READY]), [{ to: 'draining' }, { to: 'up', outForMs: 3_000 }])
})

test('a draining upstream that is gone is ejected, and out since it began to drain', (t) => {
  t.deepEqual(changes([UNREADY, REFUSED, READY, READY]), [
    { to: 'draining' },
    { to: 'down', reason: 'ECONNREFUSED' },
    { to: 'up', outForMs: 3_000 },
  ])
})

test('an upstream that was down stays down while it is not ready', (t) => {
  t.deepEqual(changes([REFUSED, UNREADY, READY, UNREADY, READY, READY]), [
    { to: 'down', reason: 'ECONNREFUSED' },
    { to: 'up', outForMs: 5_000 },
  ])
})

test('a late probe makes an upstream suspected, once, and any answer clears it', (t) => {
  for (const outcome of [READY, UNREADY]) {
    const health = detector({ rise: 1, fall: 3 })
    t.deepEqual(health.late('late'), { to: 'suspected', reason: 'late' })
    t.is(health.late('late'), undefined)
    t.is(health.standing, 'up')
    t.true(health.suspected)
    health.probed(outcome, 100, 300)
    t.false(health.suspected)
  }
})

test('a suspected upstream is ejected like any other, and one that is down is not suspected', (t) => {
  const health = detector({ rise: 1, fall: 2 })
  health.late('late')
  t.is(health.probed(FAILED, 0, 500), undefined)
  t.true(health.suspected)
  t.deepEqual(health.probed(FAILED, 500, 1_000), { to: 'down', reason: 'no answer' })
  t.false(health.suspected)
  t.is(health.late('late'), undefined)
})
