/** The contents of every session, in every library: a few fields and a small cart, about 300 bytes of JSON. */
export type Fields = Record<string, unknown>

export function sessionContents(user: string): Fields {
  return {
    user,
    locale: 'ko-KR',
    theme: 'dark',
    seenAtMs: 1_700_000_000_000,
    count: 0,
    cart: [
      { sku: 'notebook-a5-dotted', quantity: 2 },
      { sku: 'pencil-hb-box-of-12', quantity: 1 },
      { sku: 'desk-lamp-brass', quantity: 1 },
      { sku: 'paper-clips-large', quantity: 3 },
      { sku: 'ink-cartridge-blue', quantity: 4 },
    ],
  }
}
