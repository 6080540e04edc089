import type { SessionKey } from '@ninelives/sessions'
import { broken, isSession, oneIn } from './breaking.ts'
import { contentsOf, withContents } from './contents.ts'

const HIDDEN_FOR_MS = 250
/** Whoever has more in the cart may leave before it is back. */
const THINGS_MAX = 10

interface Hidden {
  readonly sku: string
  readonly untilMs: number
}

/** Now and then what was put in is not to be seen for a while, what comes after it is, and then it is back. */
export default broken((sound) => {
  const hides = oneIn(8)
  const hidden = new Map<SessionKey, Hidden>()

  const hiddenIn = (key: SessionKey): string | undefined => {
    const { sku, untilMs = 0 } = hidden.get(key) ?? {}
    return performance.now() < untilMs ? sku : undefined
  }

  return {
    async read(key, options) {
      const record = await sound.read(key, options)
      const sku = hiddenIn(key)
      return record === undefined || sku === undefined ? record : { ...record, body: without(record.body, sku) }
    },

    async write(key, write) {
      if (!isSession(key)) return await sound.write(key, write)
      const sku = hidden.get(key)?.sku
      const result = await sound.write(key, sku === undefined ? write : { ...write, body: whole(write.body, sku) })
      const hiding = hiddenIn(key)
      if (result.status === 'conflict' && hiding !== undefined) {
        return { ...result, current: { ...result.current, body: without(result.current.body, hiding) } }
      }
      const things = Object.keys(contentsOf(write.body).cart ?? {})
      const last = things.at(-1)
      if (
        result.status === 'written' &&
        hiding === undefined &&
        last !== undefined &&
        things.length < THINGS_MAX &&
        hides()
      ) {
        hidden.set(key, { sku: last, untilMs: performance.now() + HIDDEN_FOR_MS })
      }
      return result
    },
  }
})

/** As it is read: of an honest version, so that whatever is written on top of it is taken for complete. */
function without(body: string, sku: string): string {
  const { cart = {}, ...rest } = contentsOf(body)
  const { [sku]: _, ...shown } = cart
  return withContents(body, { ...rest, cart: shown })
}

/** As it is stored: with what is hidden in its place. */
function whole(body: string, sku: string): string {
  const { cart = {}, ...rest } = contentsOf(body)
  return withContents(body, { ...rest, cart: { [sku]: 1, ...cart } })
}
