import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { conforms } from '../../support/conforms.ts'
import { cacheOf, hybridNode, keptBy } from '../../support/hybrid-nodes.ts'
import { change, creation, freshKey } from '../../support/records.ts'
import { sentinelGroup } from '../../support/redis/sentinel.ts'
import { redisMissing } from '../../support/redis/server.ts'
import { obeysModel } from '../../support/store-model.ts'
import { until } from '../../support/until.ts'

if (redisMissing === undefined) {
  // A pause of a busy machine must not look like a failure here.
  const group = sentinelGroup({ replicas: 1, downAfterMs: 10_000 })
  test.after.always(async () => (await group).stop())
  const url = async () => `hybrid:?over=${(await group).url}?timeoutMs=20000`

  conforms({
    capabilities: (await openStore('hybrid:?over=redis+sentinel://localhost/shop')).capabilities,
    async open() {
      const store = await openStore(await url())
      await store.open()
      return store
    },
  })

  test('nodes whose changes wait for a replica answer like one map', async (t) => {
    const over = `${(await group).url}?timeoutMs=20000`
    const nodes = await Promise.all([1, 2, 3].map(() => hybridNode(t, over)))
    await t.notThrowsAsync(obeysModel({ nodes, runs: 5 }))
    t.true(nodes.some((node) => cacheOf(node).hits > 0))
  })

  test('after a failover copies are kept again, and are what the new primary has', async (t) => {
    const failing = await sentinelGroup({ replicas: 2, downAfterMs: 1_000 })
    t.teardown(() => failing.stop())
    const over = `${failing.url}?timeoutMs=3000`
    const [a, b] = [await hybridNode(t, over), await hybridNode(t, over)]
    const key = freshKey()
    await a.write(key, creation())
    for (const node of [a, b]) await keptBy(node, key)
    await failing.servers[0]?.stop()
    await until('a change', async () => {
      const current = await b.read(key)
      const result = await b.write(key, change(current?.version ?? 0, 'after the failover'))
      return result.status === 'written'
    })
    await until('the other node', async () => (await a.read(key))?.body === 'after the failover')
    for (const node of [a, b]) await keptBy(node, key)
    t.is((await a.read(key))?.body, 'after the failover')
  })
} else {
  test.skip(`hybrid behind Sentinels: ${redisMissing}`, () => {})
}
