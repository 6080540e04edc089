import { broken, isSession, oneIn } from './breaking.ts'
import { type Contents, contentsOf, withContents } from './contents.ts'

/** Now and then a change is made twice, as one is that was sent again because its answer was late. */
export default broken((sound) => {
  const doubles = oneIn(20)
  return {
    async write(key, write) {
      if (!isSession(key) || write.expectedVersion < 2 || !doubles()) return await sound.write(key, write)
      const before = await sound.read(key)
      if (before === undefined) return await sound.write(key, write)
      const twice = changedTwice(contentsOf(before.body), contentsOf(write.body))
      return await sound.write(key, { ...write, body: withContents(write.body, twice) })
    },
  }
})

function changedTwice(before: Contents, after: Contents): Contents {
  const cart = Object.entries(after.cart ?? {}).map(
    ([sku, quantity]) => [sku, 2 * quantity - (before.cart?.[sku] ?? 0)] as const,
  )
  const count = after.count === undefined ? {} : { count: 2 * after.count - (before.count ?? 0) }
  return { ...after, ...count, ...(after.cart === undefined ? {} : { cart: Object.fromEntries(cart) }) }
}
