import test from 'ava'
import { breaker } from '../../../src/stores/guard/breaker.ts'

const RULES = { failuresMax: 3, pauseMinMs: 100, pauseMaxMs: 400 }

function opened() {
  const gate = breaker(RULES)
  for (let failure = 0; failure < RULES.failuresMax; failure++) {
    gate.admit(0)
    gate.failed(0, 1)
  }
  return gate
}

test('it opens after so many failures in a row, and a success in between starts the count anew', (t) => {
  const gate = breaker(RULES)
  for (const outcome of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) {
    t.is(gate.admit(0), 'go')
    gate[outcome](0, 0)
  }
  t.is(gate.state, 'closed')
  t.is(gate.admit(0), 'go')
  gate.failed(0, 0)
  t.is(gate.state, 'open')
})

test('while it is open no call is sent, and then one at a time', (t) => {
  const gate = opened()
  t.is(gate.admit(99), 'no')
  t.is(gate.admit(100), 'go')
  t.is(gate.state, 'probing')
  t.is(gate.admit(100), 'no')
})

test('a probe that fails doubles the pause, up to the longest', (t) => {
  const gate = opened()
  let nowMs = 100
  for (const pauseMs of [200, 400, 400]) {
    t.is(gate.admit(nowMs), 'go')
    gate.failed(nowMs, 1)
    t.is(gate.admit(nowMs + pauseMs - 1), 'no')
    nowMs += pauseMs
  }
})

test('it ends its pause when health() succeeds, and then lets in few calls at first', (t) => {
  const gate = opened()
  t.is(gate.admit(50), 'no')
  gate.recovered()
  t.deepEqual([gate.admit(50), gate.admit(50), gate.admit(50)], ['go', 'go', 'wait'])
})

test('the nodes’ probes are spread over half of the pause', (t) => {
  const gate = opened()
  gate.admit(100)
  gate.failed(100, 0)
  t.is(gate.admit(199), 'no')
  t.is(gate.admit(200), 'go')
})

test('after a probe that succeeded as many calls run as have succeeded, and then all of them', (t) => {
  const gate = opened()
  gate.admit(100)
  gate.succeeded()
  const running = (): number => {
    let admitted = 0
    while (admitted < 1_000 && gate.admit(100) === 'go') admitted++
    return admitted
  }
  let beside = running()
  t.is(beside, 2)
  for (let round = 0; round < 12 && gate.state === 'ramping'; round++) {
    for (let call = 0; call < beside; call++) gate.succeeded()
    const next = running()
    t.true(next > beside)
    beside = next
  }
  t.is(gate.state, 'closed')
})
