/**
 * To which server a script goes. In a Cluster the server of a key's slot, and where that has moved the one that is named
 * instead: ioredis follows a redirect by itself, but not in a pipeline without losing the WAIT.
 */
import { Cluster, Command, type Redis } from 'ioredis'
import type { RedisClient } from './client.ts'
import type { SendAs } from './lane.ts'
import { isForgotten } from './scripts.ts'

export interface Route extends SendAs {
  readonly to: Redis
}

/** Each try after the first follows an answer that proves that nothing was done. */
const TRIES_MAX = 4

/** What `send` resolves to, for the first server that does not send the script elsewhere. */
export async function followed<T>(client: RedisClient, key: string, send: (route: Route) => Promise<T>): Promise<T> {
  let route: Route = { to: serverOf(client, key), inFull: false, asking: false }
  for (let tries = 1; ; tries++) {
    try {
      return await send(route)
    } catch (error) {
      const forgotten = isForgotten(error) ? { ...route, inFull: true } : undefined
      const next = forgotten ?? (await redirected(client, key, error as Error))
      if (next === undefined || tries === TRIES_MAX) throw error
      route = next
    }
  }
}

/** As `host:port`, for an operator. */
export function addressOf({ options, stream }: Redis): string {
  // Behind Sentinels the options name none of the servers.
  const { remoteAddress, remotePort } = stream ?? {}
  return remotePort === undefined ? `${options.host}:${options.port}` : `${remoteAddress}:${remotePort}`
}

/** While a slot's server is gone any other is asked: it knows where the slot went. */
function serverOf(client: RedisClient, key: string): Redis {
  if (!(client instanceof Cluster)) return client
  const server = named(client, client.slots[slotOf(key)]?.[0]) ?? client.nodes('master')[0]
  if (server === undefined) throw new Error('no server of the Cluster is connected')
  return server
}

/** Where a Cluster's node says that the key is, if that is what it says. */
async function redirected(client: RedisClient, key: string, { message }: Error): Promise<Route | undefined> {
  const [, kind, address] = /^(MOVED|ASK) \d+ (\S+)$/.exec(message) ?? []
  if (kind === undefined || !(client instanceof Cluster)) return undefined
  client.refreshSlotsCache()
  // A plain read follows the same redirect, by which the client meets a node that joined lately.
  if (named(client, address) === undefined) await client.hmget(key, 'v')
  const to = named(client, address)
  return to && { to, inFull: false, asking: kind === 'ASK' }
}

function slotOf(key: string): number {
  return new Command('type', [key]).getSlot()
}

function named(client: Cluster, address: string | undefined): Redis | undefined {
  return client.nodes().find(({ options: { host, port } }) => `${host}:${port}` === address)
}
