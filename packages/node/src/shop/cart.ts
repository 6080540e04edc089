/**
 * The cart in the session: an object from sku to quantity, so that adding needs no search. Its keys have a prefix before the sku:
 * without it the sku `__proto__` would set no field, and numeric skus would come first, as an object lists those first.
 */
import { RequestError } from '../errors.ts'

export type Cart = Record<`sku:${string}`, number>

export interface CartItem {
  readonly sku: string
  readonly quantity: number
}

export const ITEMS_MAX = 5_000
const QUANTITY_MAX = 999
/** The largest quantity: far above any cart, far below the limit of exact integers. */
export const QUANTITY_TOTAL_MAX = 1_000_000

const MARK = 'sku:'
const SKU = /^[A-Za-z0-9._-]{1,64}$/

export function checkedSku(sku: unknown): string {
  if (typeof sku === 'string' && SKU.test(sku)) return sku
  throw new RequestError(422, 'BAD_SKU', 'sku is 1 to 64 letters, digits, dots, dashes and underscores.')
}

export function checkedQuantity(quantity: unknown = 1): number {
  if (typeof quantity === 'number' && Number.isInteger(quantity) && quantity >= 1 && quantity <= QUANTITY_MAX)
    return quantity
  throw new RequestError(422, 'BAD_QUANTITY', `quantity is a whole number from 1 to ${QUANTITY_MAX}.`)
}

/** In the order in which each sku was first added. */
export function itemsOf(cart: Cart = {}): CartItem[] {
  return Object.entries(cart).map(([key, quantity]) => ({ sku: key.slice(MARK.length), quantity }))
}

export function addTo(cart: Cart, sku: string, quantity: number): void {
  const key = `${MARK}${sku}` as const
  const before = cart[key]
  if (before === undefined && Object.keys(cart).length >= ITEMS_MAX) {
    throw new RequestError(422, 'CART_FULL', `The cart holds at most ${ITEMS_MAX} different items.`)
  }
  const total = (before ?? 0) + quantity
  if (total > QUANTITY_TOTAL_MAX) {
    throw new RequestError(422, 'QUANTITY_TOO_LARGE', `The cart holds at most ${QUANTITY_TOTAL_MAX} of one item.`)
  }
  cart[key] = total
}

export function removeFrom(cart: Cart, sku: string): void {
  delete cart[`${MARK}${sku}`]
}
