/**
 * A resolver for an array of items, such as the lines of a cart: the array is one field, and without a resolver the later request's array
 * replaces the other's. Items are told apart by their key, and each is merged by field as the session itself is.
 */
import { assertGiven, checkedOptions, type Rules, SessionOptionsError, take } from '../options.ts'
import type { SessionData } from './data.ts'
import { merge, type Resolver, type Resolvers } from './merge.ts'

export interface MergeItemsOptions {
  /** The field that tells items apart, such as `sku`. Or a function of the item, where it takes several. */
  readonly key: string | ((item: Readonly<Record<string, unknown>>) => unknown)
  /** Resolves a field of an item that both requests changed or added. Default: the later writer's value stays. */
  readonly fields?: Resolvers
}

const rules: Rules<MergeItemsOptions> = {
  key: take.either(take.text, take.function),
  fields: take.recordOf(take.function),
}

type Item = SessionData
type KeyOf = (item: Item) => unknown

/**
 * What one request has added stays, and what one has removed is gone. An item that both changed, or added, is merged by field; one that
 * was changed and removed is as the later request has it.
 */
export function mergeItems(given: MergeItemsOptions): Resolver {
  const { key, fields } = checkedOptions('mergeItems()', given, rules)
  assertGiven('mergeItems()', { ...given }, ['key', "the field that tells items apart, such as 'sku'"])
  const keyOf: KeyOf = typeof key === 'function' ? key : (item) => item[key]
  const changedByBoth: Resolver = ({ base, mine, theirs }) =>
    isItem(mine) && isItem(theirs) ? merge(isItem(base) ? base : {}, mine, theirs, fields) : mine

  return ({ base, mine, theirs }) => {
    const before = itemsByKey(base, keyOf)
    const ours = itemsByKey(mine, keyOf)
    const others = itemsByKey(theirs, keyOf)
    // In the order of the request that wrote first, and what this one added after that.
    const keys = [...new Set([...others.keys(), ...ours.keys()])]
    const resolvers = Object.fromEntries(keys.map((each) => [each, changedByBoth]))
    const merged = merge(Object.fromEntries(before), Object.fromEntries(ours), Object.fromEntries(others), resolvers)
    return keys.filter((each) => Object.hasOwn(merged, each)).map((each) => merged[each])
  }
}

/** By the key as JSON: 1 and '1' are two keys, and no key is the name of something that every object has. */
function itemsByKey(value: unknown, keyOf: KeyOf): ReadonlyMap<string, Item> {
  const items = new Map<string, Item>()
  for (const [at, item] of (Array.isArray(value) ? (value as unknown[]) : []).entries()) {
    const key = isItem(item) ? JSON.stringify(keyOf(item)) : undefined
    if (key === undefined) throw new SessionOptionsError(`mergeItems(): the item at ${at} has no key.`)
    if (items.has(key)) throw new SessionOptionsError(`mergeItems(): two items have the key ${key}.`)
    items.set(key, item as Item)
  }
  return items
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
