import type { SessionKey } from '@ninelives/sessions'
import { broken, isSession, oneIn } from './breaking.ts'
import { contentsOf, withContents } from './contents.ts'

const HIDDEN_FOR_READS = 2
/** A user with more items may log out before the item is back. */
const THINGS_MAX = 10

interface Hidden {
  readonly sku: string
  /** All that ever was, and this: a request may still be working on what it read without one of them. */
  readonly all: readonly string[]
  readsLeft: number
}

/** Now and then what was put in is not to be seen at the next two reads, what comes after it is, and then it is back. */
export default broken((sound) => {
  const hides = oneIn(4)
  const hidden = new Map<SessionKey, Hidden>()

  const hiddenIn = (key: SessionKey): string | undefined => {
    const { sku, readsLeft = 0 } = hidden.get(key) ?? {}
    return readsLeft > 0 ? sku : undefined
  }

  return {
    async read(key) {
      const record = await sound.read(key)
      const about = hidden.get(key)
      if (record === undefined || about === undefined || about.readsLeft === 0) return record
      about.readsLeft--
      return { ...record, body: without(record.body, about.sku) }
    },

    async write(key, write) {
      if (!isSession(key)) return await sound.write(key, write)
      const { all = [] } = hidden.get(key) ?? {}
      const result = await sound.write(key, all.length === 0 ? write : { ...write, body: whole(write.body, all) })
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
        hidden.set(key, { sku: last, all: [...(hidden.get(key)?.all ?? []), last], readsLeft: HIDDEN_FOR_READS })
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
function whole(body: string, all: readonly string[]): string {
  const { cart = {}, ...rest } = contentsOf(body)
  return withContents(body, { ...rest, cart: { ...Object.fromEntries(all.map((sku) => [sku, 1])), ...cart } })
}
