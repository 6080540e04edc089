/** What could be served while faults stood: one of the two nodes is no majority. */
import test from 'ava'
import { judge, type Verdict } from '../src/index.ts'
import { historyOf } from './histories.ts'

const majority = 'service of majority within 2000\nuser-0 login 10-20 ok by a\nuser-0 read 9000-9010 ok []'
const pause = 'fault pause of b at 1000\nheals f1 at 2000'

function judged(...lines: string[]): Verdict {
  return judge(historyOf([majority, ...lines].join('\n')))
}

test('without a majority an operation may be refused, and the time is told', (t) => {
  const { service, verdict } = judged(pause, 'user-0 read 1500-1510 failed', 'user-0 read 1600-1700 unknown')
  // A fault is injected a millisecond before it lands.
  t.deepEqual(service, { outMs: 1_001, refused: 1, unclear: 1, failed: 0, fullAfterMs: 0 })
  t.is(verdict, 'valid')
})

test('where one node is enough, what fails could have been served', (t) => {
  const one = historyOf(`service of one within 2000\nuser-0 login 10-20 ok\n${pause}\nuser-0 read 1500-1510 failed`)
  t.like(judge(one).service, { outMs: 0, refused: 0, failed: 1 })
})

test('without the store nothing can be served', (t) => {
  const store = 'fault kill of store at 1000\nstore dies at 1001\nheals f1 at 1500'
  const { service } = judged(store, 'user-0 read 1200-1210 failed')
  t.like(service, { refused: 1, failed: 0 })
})

test('after a failover the replica is the store, and the other server is not', (t) => {
  const failover = 'fault failover of store at 1001\nstore dies at 1000\nstore is up at 1500\nheals f1 at 1600'
  const read = 'user-0 read 5200-5210 failed'
  t.like(judged(failover, 'replica dies at 5000\nreplica is up at 5500', read).service, { refused: 1, failed: 0 })
  t.like(judged(failover, 'store dies at 5000\nstore is up at 5500', read).service, { refused: 0, failed: 1 })
})

test('a node that is down is not able, whatever ended it', (t) => {
  const { service } = judged('node b dies at 1000\nnode b is up at 1400', 'user-0 read 1200-1210 failed')
  t.like(service, { outMs: 400, refused: 1 })
})

test('a failure soon after everything was back belongs to the outage, one later makes the run unknown', (t) => {
  const soon = judged(pause, 'user-0 read 2500-2510 failed')
  t.like(soon.service, { refused: 1, failed: 0, fullAfterMs: 500 })
  t.is(soon.verdict, 'valid')
  const late = judged(pause, 'user-0 read 4500-4510 failed')
  t.like(late.service, { refused: 0, failed: 1, fullAfterMs: 2_500 })
  t.deepEqual(late.doubts, [
    'an operation was not served 2500 ms after everything was back, where full service is due within 2000 ms',
  ])
})

test('a logout is no outage, and a run that says nothing of service has no figures', (t) => {
  t.like(judged(pause, 'user-0 return 1500-1510 failed', 'user-0 read 1600-1610 out').service, { refused: 1 })
  t.is(judge(historyOf('user-0 login 10-20 ok')).service, undefined)
})
