/** Resolves hostnames of upstreams. One lookup of a name runs at a time, and no caller waits longer than a bound. */
import { lookup } from 'node:dns/promises'

export type Resolve = (hostname: string) => Promise<readonly string[]>

/** A slower lookup goes on, and the next caller waits for the same one: lookups can't be cancelled, and few run at a time. */
export const RESOLVE_WAIT_MS = 5_000

/** At least one address, without duplicates, or the reason why there is none. */
export type Resolution =
  | { readonly hostname: string; readonly addresses: readonly string[] }
  | { readonly hostname: string; readonly trouble: string }

/** By the operating system, hosts file included. IPv4 if there is any, because a machine with both kinds of address is one upstream. */
export async function systemResolve(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true })
  const family = found.some((each) => each.family === 4) ? 4 : 6
  return found.filter((each) => each.family === family).map(({ address }) => address)
}

/** Never rejects. */
export function resolver(resolve: Resolve, waitMs = RESOLVE_WAIT_MS): (hostname: string) => Promise<Resolution> {
  const pending = new Map<string, Promise<Resolution>>()

  async function ask(hostname: string): Promise<Resolution> {
    try {
      const addresses = await resolve(hostname)
      return addresses.length === 0
        ? { hostname, trouble: 'no address' }
        : { hostname, addresses: [...new Set(addresses)].sort() }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return { hostname, trouble: code ?? message }
    } finally {
      pending.delete(hostname)
    }
  }

  return async (hostname) => {
    let asked = pending.get(hostname)
    if (asked === undefined) pending.set(hostname, (asked = ask(hostname)))
    const { promise: late, resolve: isLate } = Promise.withResolvers<Resolution>()
    const timer = setTimeout(() => isLate({ hostname, trouble: `no answer in ${waitMs} ms` }), waitMs)
    try {
      return await Promise.race([asked, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
