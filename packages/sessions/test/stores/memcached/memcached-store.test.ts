import test from 'ava'
import type { Capabilities } from '../../../src/contract.ts'
import { memcachedStore } from '../../../src/stores/memcached/memcached.ts'
import { conforms } from '../../support/conforms.ts'
import { memcachedMissing, memcachedServer } from '../../support/memcached/server.ts'

/** On a server with room, fences hold too: they are excused for the server that is full or starts again. */
const withRoom: Capabilities = { ...memcachedStore({ url: 'memcached://localhost' }).capabilities, fences: 'held' }

if (memcachedMissing === undefined) {
  const server = memcachedServer()
  test.after.always(async () => (await server).stop())

  conforms({
    capabilities: withRoom,
    async open() {
      const store = memcachedStore({ url: `${(await server).url}?timeoutMs=10000` })
      await store.open()
      return store
    },
  })
} else {
  test.skip(`the memcached store: ${memcachedMissing}`, () => {})
}
