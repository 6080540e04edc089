/** The engine stops where an invariant of its protocol is broken, instead of going on with what it has. */
import { AssertionError } from 'node:assert'
import test from 'ava'
import type { SessionKey } from '../../src/contract.ts'
import type { PeerContext } from '../../src/replication/context/peer-context.ts'
import { placement } from '../../src/replication/context/placement.ts'
import { CurrentView } from '../../src/replication/membership/current-view.ts'
import { Entries } from '../../src/replication/replica/entries.ts'
import type { ReplicatedChange } from '../../src/replication/wire/messages.ts'

function change(counter: number, untilMs = 1_000): ReplicatedChange {
  return { key: 'key' as SessionKey, stamp: { view: 1, counter, rank: 0 }, version: counter, untilMs, body: '' }
}

test('an entry never moves to an earlier stamp, nor is a change replaced by another with its stamp', (t) => {
  const entries = new Entries(placement(['a', 'b'], 'all', 4), 0, 1_000)
  entries.put(change(2))
  entries.put(change(2, 2_000))
  t.throws(() => entries.put(change(1)), { instanceOf: AssertionError })
  t.throws(() => entries.put({ ...change(2), version: 9 }), { instanceOf: AssertionError })
  entries.put(change(3))
  t.is(entries.get('key' as SessionKey)?.version, 3)
})

test('the numbers of installed views rise within a cluster', (t) => {
  const view = new CurrentView({ names: ['a'], rank: 0, incarnation: 1 } as unknown as PeerContext)
  view.install({ cluster: 1, number: 2, members: [] })
  for (const number of [1, 2]) {
    t.throws(() => view.install({ cluster: 1, number, members: [] }), { instanceOf: AssertionError })
  }
  view.install({ cluster: 2, number: 1, members: [] })
  t.is(view.number, 1)
})
