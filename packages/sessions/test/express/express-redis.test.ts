/** Two nodes with a middleware each, and one Redis. */
import test from 'ava'
import { redisStore } from '../../src/stores/redis/redis.ts'
import { gathering, set } from '../support/each-middleware.ts'
import { likeExpress, likeFastify } from '../support/middleware.ts'
import { redisMissing, redisServer } from '../support/redis/server.ts'

if (redisMissing === undefined) {
  const server = redisServer()
  test.after.always(async () => (await server).stop())

  for (const like of [likeExpress, likeFastify]) {
    test(`${like.name}: tabs on two nodes lose nothing, and a logout on one is final on the other`, async (t) => {
      const { url } = await server
      const stores = [redisStore({ url }), redisStore({ url })]
      await Promise.all(stores.map((store) => store.open()))
      t.teardown(() => Promise.all(stores.map((store) => store.close())))
      const [one, other] = stores.map((store) => like({ store })) as [ReturnType<typeof like>, ReturnType<typeof like>]

      const id = await one.visit(undefined, set({ user: 'u' }))
      const everyoneRead = gathering(3)
      const tab = (node: typeof one, field: string): Promise<string> =>
        node.visit(id, async ({ session }) => {
          await everyoneRead()
          session[field] = true
        })
      await Promise.all([tab(one, 'a'), tab(other, 'b'), tab(one, 'c')])
      t.like(await other.find(id), { user: 'u', a: true, b: true, c: true })

      const late = other.visit(id, async ({ session }) => {
        await one.visit(id, ({ destroy }) => destroy())
        session['late'] = true
      })
      await t.throwsAsync(late, { code: 'SESSION_GONE' })
      t.falsy(await other.find(id))
    })
  }
} else {
  test.skip(`express-session over redis: ${redisMissing}`, () => {})
}
