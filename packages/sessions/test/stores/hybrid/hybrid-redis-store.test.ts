import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { conforms } from '../../support/conforms.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'

if (redisMissing === undefined) {
  const server = redisServer()
  test.after.always(async () => (await server).stop())

  conforms({
    capabilities: (await openStore('hybrid:?over=redis://localhost')).capabilities,
    async open() {
      const store = await openStore(`hybrid:?over=${(await server).url}?timeoutMs=20000`)
      await store.open()
      return store
    },
  })
} else {
  test.skip(`hybrid over redis: ${redisMissing}`, () => {})
}
