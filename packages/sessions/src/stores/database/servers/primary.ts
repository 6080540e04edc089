/**
 * Finds the primary among the hosts of a URL: the one that takes changes. The host that was the primary last is asked first, and
 * after it the others in order, each within its share of the time.
 */
import type { HostAddress } from './url.ts'

export interface PrimarySearch<Each> {
  readonly hosts: readonly HostAddress[]
  /** Connects to the host, and rejects after `boundMs` or if it is no primary. */
  readonly connect: (host: HostAddress, boundMs: number) => Promise<Each>
  readonly boundMs: number
}

/** Makes a connection to the primary each time it is called. It rejects with the hosts and the reason of each. */
export function toPrimary<Each>({ hosts, connect, boundMs }: PrimarySearch<Each>): () => Promise<Each> {
  const hostBoundMs = Math.max(1, Math.floor(boundMs / hosts.length))
  let last = 0

  return async () => {
    const failures: Error[] = []
    const first = last
    for (let offset = 0; offset < hosts.length; offset++) {
      const index = (first + offset) % hosts.length
      const host = hosts[index] as HostAddress
      try {
        const connection = await connect(host, hostBoundMs)
        last = index
        return connection
      } catch (error) {
        failures.push(error as Error)
      }
    }
    const [only] = failures
    if (failures.length === 1) throw only
    const reasons = failures.map(({ message }, offset) => `${nameOf(hosts, first + offset)}: ${message}`)
    throw new Error(`no host is the primary (${reasons.join('; ')})`, { cause: only })
  }
}

function nameOf(hosts: readonly HostAddress[], index: number): string {
  const { host, port } = hosts[index % hosts.length] as HostAddress
  return `${host}:${port}`
}
