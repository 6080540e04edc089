/** The fields of any answer of the shop. Missing and malformed fields are left out. */
export interface ShopAnswer {
  /** The user for whom the shop answered. */
  readonly as?: string
  readonly items?: readonly (readonly [sku: string, quantity: number])[]
  readonly count?: number
}

export function readShop(body: unknown): ShopAnswer {
  if (typeof body !== 'object' || body === null) return {}
  const { user, items, count } = body as Readonly<Record<string, unknown>>
  return {
    ...(typeof user === 'string' ? { as: user } : {}),
    ...(Array.isArray(items) ? { items: items.map(readItem) } : {}),
    ...(typeof count === 'number' ? { count } : {}),
  }
}

function readItem(item: unknown): readonly [string, number] {
  const { sku, quantity } = (item ?? {}) as { sku?: unknown; quantity?: unknown }
  return [String(sku), typeof quantity === 'number' ? quantity : 1]
}
