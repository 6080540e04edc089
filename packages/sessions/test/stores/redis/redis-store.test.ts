import test from 'ava'
import { redisStore } from '../../../src/stores/redis/redis.ts'
import { conforms } from '../../support/conforms.ts'
import { delayed } from '../../support/delayed.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'

if (redisMissing === undefined) {
  const server = redisServer()
  test.after.always(async () => (await server).stop())

  for (const title of ['', 'with late answers:']) {
    conforms({
      of: title,
      capabilities: redisStore({ url: 'redis://localhost' }).capabilities,
      async open() {
        const store = redisStore({ url: (await server).url })
        await store.open()
        return title === '' ? store : delayed(store)
      },
    })
  }
} else {
  test.skip(`the redis store: ${redisMissing}`, () => {})
}
