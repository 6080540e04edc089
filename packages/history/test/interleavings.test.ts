/** How often a run met each hard interleaving, and a run that must have met one. */
import test from 'ava'
import { judge } from '../src/index.ts'
import { historyOf } from './histories.ts'

/** What occurred in the history, and how often. */
function occurred(text: string): Record<string, number> {
  const { interleavings } = judge(historyOf(text))
  return Object.fromEntries(interleavings.flatMap(({ name, times }) => (times > 0 ? [[name, times]] : [])))
}

const inside = 'user-0 login 10-20 ok by a'

test('a request that a kill met was sent again, or its outcome is unknown', (t) => {
  const kill = 'fault kill of b at 101\nnode b dies at 104'
  const met = { 'request-on-dying-node': 1 }
  t.deepEqual(occurred(`${inside}\n${kill}\nuser-0 read 95-120 ok [] by a tries 2`), met)
  t.deepEqual(occurred(`${inside}\n${kill}\nuser-0 put A 95-120 unknown`), met)
  t.deepEqual(occurred(`${inside}\n${kill}\nuser-0 read 95-120 ok [] by a`), {}, 'it was on another node')
  t.deepEqual(occurred(`${inside}\n${kill}\nuser-0 read 102-120 ok [] by a tries 2`), {}, 'it was refused')
  t.deepEqual(occurred(`${inside}\n${kill}\nuser-0 read 70-80 ok [] by a tries 2`), {}, 'it ended before')
})

test('a node that leaves after a drain is no death', (t) => {
  t.deepEqual(occurred(`${inside}\nfault drain of b at 101\nnode b leaves at 104\nuser-0 put A 95-99 ok [A] by b`), {})
})

test('a crash meets the request that reached its point', (t) => {
  t.deepEqual(occurred(`${inside}\nfault crash after-commit of b at 101`), {
    'request-on-dying-node': 1,
    'crash-after-commit': 1,
  })
  t.deepEqual(occurred(`${inside}\nfault crash before-commit of b at 101`), { 'request-on-dying-node': 1 })
  t.deepEqual(occurred(`${inside}\nfault crash after-response of b at 101`), {})
  t.deepEqual(occurred(`${inside}\nfault crash after-commit of b at 101 fails`), {})
})

test('a login that is sent again after a death crosses a rotation', (t) => {
  const crash = 'fault crash after-commit of b at 90\nnode b dies at 104'
  t.is(occurred(`user-0 login 95-120 ok by a tries 2\n${crash}`)['retry-across-rotation'], 1)
  t.is(occurred(`user-0 login 95-120 ok by a\n${crash}`)['retry-across-rotation'], undefined)
  t.is(occurred(`user-0 login 95-120 failed tries 2\n${crash}`)['retry-across-rotation'], undefined)
})

test('a write right before the death of its node or of the store', (t) => {
  const last = { 'write-before-death': 1 }
  t.deepEqual(occurred(`${inside}\nuser-0 put A 40-50 ok [A] by b\nnode b dies at 120`), last)
  t.deepEqual(occurred(`${inside}\nuser-0 put A 40-50 ok [A] by a\nnode b dies at 120`), {}, 'another node')
  t.deepEqual(occurred(`${inside}\nuser-0 put A 40-50 ok [A] by b\nnode b dies at 220`), {}, 'long before')
  t.deepEqual(occurred(`${inside}\nuser-0 put A 40-50 ok [A] by b\nstore dies at 120`), last)
  const failover = 'fault failover of store at 31\nstore dies at 30'
  t.deepEqual(occurred(`${inside}\n${failover}\nuser-0 put A 40-50 ok [A] by b\nreplica dies at 120`), last)
  t.deepEqual(occurred(`${inside}\n${failover}\nuser-0 put A 40-50 ok [A] by b\nstore dies at 120`), {}, 'a replica')
})

test('a session that a node did not see change is used there', (t) => {
  const away = 'node b dies at 100\nnode b is up at 300'
  const met = { 'change-while-away': 1 }
  const changed = `${inside}\n${away}\nuser-0 put A 150-160 ok [A] by a`
  t.deepEqual(occurred(`${changed}\nuser-0 read 400-410 ok [A] by b\nuser-0 read 420-430 ok [A] by b`), met)
  t.deepEqual(occurred(`${changed}\nuser-0 read 400-410 ok [A] by a`), {}, 'used on another node')
  t.deepEqual(occurred(`${inside}\n${away}\nuser-0 put A 50-60 ok [A] by b\nuser-0 read 400-410 ok [A] by b`), {
    'write-before-death': 1,
  })
})

test('a session that one version changed is used on the other one', (t) => {
  const versions = 'node a starts as other at 1\nnode b starts as this at 2'
  const run = `${versions}\n${inside}\nuser-0 put A 30-40 ok [A] by a\nuser-0 read 50-60 ok [A] by b`
  t.deepEqual(occurred(run), { 'from-other-version': 1 })
  t.deepEqual(occurred(`${run}\nuser-0 read 70-80 ok [A] by b`), { 'from-other-version': 1 }, 'each change once')
  const back = `${run}\nuser-0 put B 70-80 ok [A B] by b\nuser-0 read 90-95 ok [A B] by a`
  t.deepEqual(occurred(back), { 'from-other-version': 1, 'to-other-version': 1 })
  const beside = `${versions}\n${inside}\nuser-0 put A 30-60 ok [A] by a\nuser-0/1 read 50-55 ok [] by b`
  t.deepEqual(occurred(beside), {}, 'it was not over')
  const deployed = `node a starts as other at 1\n${inside}\nuser-0 put A 30-40 ok [A] by a\nnode a starts as this at 60`
  t.deepEqual(occurred(`${deployed}\nuser-0 read 70-80 ok [A] by a`), { 'from-other-version': 1 })
})

/** What is told of the history, also what never occurred. */
function namesOf(text: string): string[] {
  return judge(historyOf(text)).interleavings.map(({ name }) => name)
}

test('the versions of nodes are told of runs with two', (t) => {
  t.false(namesOf(inside).includes('from-other-version'))
  t.true(namesOf(`node a starts as other at 1\n${inside}`).includes('from-other-version'))
  t.true(namesOf(`requires from-other-version\n${inside}`).includes('from-other-version'))
})

test('two tabs that write at once', (t) => {
  const two = { 'two-tabs-at-once': 1 }
  t.deepEqual(occurred(`${inside}\nuser-0/1 put A 30-50 ok [A]\nuser-0/2 count 40-60 ok =1`), two)
  t.deepEqual(occurred(`${inside}\nuser-0/1 put A 30-40 ok [A]\nuser-0/2 count 50-60 ok =1`), {}, 'one after the other')
  t.deepEqual(occurred(`${inside}\nuser-0/1 put A 30-50 failed\nuser-0/2 count 40-60 ok =1`), {}, 'one failed')
  t.deepEqual(occurred(`${inside}\nuser-0/1 read 30-50 ok []\nuser-0/2 count 40-60 ok =1`), {}, 'one read')
})

test('a logout meets a write and a read of other tabs', (t) => {
  const logout = 'user-0 logout 40-60 ok'
  t.deepEqual(occurred(`${inside}\nuser-0/1 put A 30-50 ok [A]\n${logout}\nuser-0/2 read 50-70 out`), {
    'logout-during-write': 1,
    'read-during-logout': 1,
  })
  t.deepEqual(occurred(`${inside}\nuser-0/1 put A 30-35 ok [A]\n${logout}`), {})
})

test('what was required and never occurred makes a run unknown', (t) => {
  const run = `requires crash-after-commit two-tabs-at-once\n${inside}\nuser-0 read 400-410 ok []`
  const { verdict, doubts, interleavings } = judge(historyOf(run))
  t.is(verdict, 'unknown')
  t.deepEqual(doubts, [
    'a crash between commit and answer never occurred; prove --require crash-after-commit goes on until it has',
    'writes of two tabs to one session under way at once never occurred; prove --require two-tabs-at-once goes on until it has',
  ])
  t.deepEqual(
    interleavings.flatMap(({ name, isRequired }) => (isRequired ? [name] : [])),
    ['crash-after-commit', 'two-tabs-at-once'],
  )
  t.is(
    judge(
      historyOf(`${run}\nuser-0/1 put A 500-520 ok [A]\nuser-0/2 put B 510-530 ok [A B]\nuser-0 read 600-610 ok [A B]`),
    ).doubts.length,
    1,
  )
})

test('a required interleaving of a newer program is in doubt', (t) => {
  const { doubts } = judge(historyOf(`requires moon-phase\n${inside}\nuser-0 read 400-410 ok []`))
  t.deepEqual(doubts, ['the run requires "moon-phase", which this program does not know'])
})
