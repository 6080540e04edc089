/** The rate of a run that was not told one. */
import test, { type ExecutionContext } from 'ava'
import { fitRate } from '../../src/cli/prove/fit-rate.ts'
import type { Trace } from '../../src/trace/trace.ts'
import { testTrace } from '../fixtures/trace.ts'

const never = new AbortController().signal

/** Users who report at once, so late and so many as that rate makes them. */
function reports(t: ExecutionContext, trace: Trace, second: (rate: number) => { lateMs: number; sent: number }): void {
  const timer = setInterval(() => {
    const { rate } = trace.state.users
    trace.append({
      type: 'users-second',
      ok: 0,
      failed: {},
      unknown: {},
      loggedOut: 0,
      lost: 0,
      users: { all: 1, loggedIn: 1, intact: 1 },
      byNode: {},
      latencyMs: { p50: 1, p99: 1 },
      ...second(rate),
    })
  }, 5)
  t.teardown(() => clearInterval(timer))
}

async function fitted(t: ExecutionContext, second: (rate: number) => { lateMs: number; sent: number }) {
  const trace = testTrace(t)
  const reasons: string[] = []
  trace.append({ type: 'users-paced', rate: 300, reason: 'begin' })
  trace.listen((event) => event.type === 'users-paced' && reasons.push(event.reason))
  reports(t, trace, second)
  const lines: string[] = []
  await fitRate({ trace, users: undefined }, (line) => lines.push(line), never)
  return { rate: trace.state.users.rate, reasons, lines }
}

test('a machine that keeps up keeps its rate', async (t) => {
  const { rate, reasons, lines } = await fitted(t, (sent) => ({ lateMs: 1.2, sent }))
  t.is(rate, 300)
  t.deepEqual(reasons, [])
  t.deepEqual(lines, ['300 operations a second, which this machine keeps up with'])
})

test('a generator that is late or sends too little gets half the rate', async (t) => {
  const { rate, reasons, lines } = await fitted(t, (now) => ({
    lateMs: now > 150 ? 18.3 : 2,
    sent: now > 75 ? now / 2 : now,
  }))
  t.is(rate, 75)
  t.deepEqual(reasons, [
    'at 300 a second they were sent 18.3 ms late at p99',
    'at 150 a second only 75 were sent in a second',
  ])
  t.is(lines.at(-1), '75 operations a second, which this machine keeps up with')
})

test('the rate is never too low for faults to meet users', async (t) => {
  const { rate, lines } = await fitted(t, (sent) => ({ lateMs: 50, sent }))
  t.is(rate, 38)
  t.is(lines.at(-1), '38 operations a second, the least, although they were sent 50.0 ms late at p99')
})
