import { broken, isSession, oneIn } from './breaking.ts'
import { contentsOf, withContents } from './contents.ts'

/** Now and then a session has an item that no user put into any cart. */
export default broken((sound) => {
  const imagines = oneIn(40)
  let phantoms = 0
  return {
    async write(key, write) {
      const isFilled = isSession(key) && contentsOf(write.body).cart !== undefined
      if (!isFilled || !imagines()) return await sound.write(key, write)
      const { cart, ...rest } = contentsOf(write.body)
      const body = withContents(write.body, { ...rest, cart: { ...cart, [`sku:phantom.${++phantoms}`]: 1 } })
      return await sound.write(key, { ...write, body })
    },
  }
})
