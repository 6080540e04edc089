/** Where a session lies is known outside as well: a balancer that routes by session computes the same, from these figures. */
import test from 'ava'
import { sessionKey } from '../../src/secrets/id.ts'
import { placement } from '../../src/replication/context/placement.ts'
import { has } from '../../src/replication/wire/ranks.ts'
import { standardTiming } from '../../src/replication/context/timing.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e']

/** A handle, its key, and the order in which these five nodes hold it. */
const PLACED = [
  ['h0', '24fO5SUEylcyutSd2x1bhV', 'acebd'],
  ['h1', 'MxEu4U7kacPrUv6QMi7IHd', 'decba'],
  ['h2', '-Zj-Bq-gz75z4ESdwrFpgw', 'debac'],
  ['h3', 'l_tfhTi4n2wazP0Zg2tlpz', 'decba'],
  ['h4', '6VkMBM6lS-t2mpYUhYMXZg', 'cabde'],
] as const

test('keys and orders are those that balancers know', (t) => {
  const all = placement(NAMES, 'all', standardTiming.buckets)
  for (const [handle, key, order] of PLACED) {
    t.is(String(sessionKey(handle)), key)
    const ranks = all.preference(all.bucketOf(key))
    t.is(ranks.map((rank) => NAMES[rank]).join(''), order)
  }
})

test('with k backups there are k + 1 replicas, and each node owns its share', (t) => {
  const placed = placement(NAMES, 2, standardTiming.buckets)
  t.is(placed.copies, 3)
  const owners: (string | undefined)[] = []
  for (let bucket = 0; bucket < placed.buckets; bucket++) {
    const ranks = placed.preference(bucket)
    t.is(new Set(ranks).size, 3)
    t.true(ranks.every((rank) => has(placed.replicas(bucket), rank)))
    owners.push(NAMES[ranks[0] ?? -1])
  }
  for (const name of NAMES) {
    const owned = owners.filter((owner) => owner === name).length
    t.true(Math.abs(owned - placed.buckets / NAMES.length) < placed.buckets / 20, `${name} owns ${owned}`)
  }
})
