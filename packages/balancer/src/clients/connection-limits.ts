/** How many connections each client address has open. */
export interface ConnectionLimits {
  /** Whether one more may be opened; if so, `left` is due when it is over. */
  entered(address: string): boolean
  left(address: string): void
  /** How many addresses have a connection open. */
  readonly addresses: number
}

export function connectionLimits(perAddressMax: number): ConnectionLimits {
  const open = new Map<string, number>()
  return {
    entered(address) {
      const holder = holderOf(address)
      const count = open.get(holder) ?? 0
      if (count >= perAddressMax) return false
      open.set(holder, count + 1)
      return true
    },
    left(address) {
      const holder = holderOf(address)
      const count = open.get(holder) ?? 0
      if (count > 1) open.set(holder, count - 1)
      else open.delete(holder)
    },
    get addresses() {
      return open.size
    },
  }
}

const NETWORK_GROUPS = 4

/** With IPv6 one customer holds a /64 at least, and could use a new address for every connection. */
function holderOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':')
    const missing = 8 - groups.length - rest.length
    groups.push(...Array<string>(Math.max(0, missing)).fill('0'), ...rest)
  }
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
