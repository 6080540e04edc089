/** What a verdict says was exercised, and how long the users waited meanwhile. */
import test from 'ava'
import { judge } from '../src/index.ts'
import { historyOf } from './histories.ts'

test('each fault that landed is told with the sessions, writes, users and operations that it met', (t) => {
  const { exposures } = judge(
    historyOf(`user-0 login 10-20 ok
user-1 login 10-20 ok
user-2 login 10-20 ok
user-0 put A 30-40 ok [A]
user-0 put B 50-60 failed
user-2 logout 70-80 ok
fault kill of b at 100 fails
user-1 put C 2980-3020 ok [C]
fault kill of a at 3000
user-0 read 3900-3910 ok [A]
fault pause of c at 9000
user-0 read 9100-9110 ok [A]`),
  )
  const [kill, pause] = exposures
  t.deepEqual(kill, {
    fault: 'f2',
    kind: 'kill',
    target: 'a',
    sessions: 2,
    returned: 1,
    writes: 1,
    users: 2,
    inFlight: 1,
  })
  t.like(pause, { fault: 'f3', sessions: 2, returned: 1, writes: 2, users: 1, inFlight: 0 })
  t.is(exposures.length, 2)
})

test('latency counts from when an operation was due, and leaves out the copies that nodes are asked for', (t) => {
  const looks = Array.from({ length: 200 }, (_, n) => `user-0 read ${100 + n * 50}-${102 + n * 50} ok []`)
  const { latency, verdict } = judge(
    historyOf(`user-0 login 10-12 ok
${looks.join('\n')}
user-0 read 20000-20400 ok []
user-0 copy a 30000-39000 ok []`),
  )
  t.is(latency.operations, 202)
  t.true(Math.abs(latency.p50Ms - 2) < 0.03, `${latency.p50Ms}`)
  t.true(Math.abs(latency.p99Ms - 2) < 0.03, 'two of 202 are above it')
  t.is(latency.longestMs, 400)
  t.is(latency.lateMs, 0)
  t.deepEqual(latency.doubts, [])
  t.is(verdict, 'valid')
})
