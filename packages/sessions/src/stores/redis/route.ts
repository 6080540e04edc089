/**
 * Finds the server for a script: in a Cluster the server of the key's slot, or the one that a redirect names. ioredis follows
 * redirects too, but in a pipeline it would lose the WAIT.
 */
import { Cluster, Command, type Redis } from 'ioredis'
import type { RedisClient } from './client.ts'
import type { SendAs } from './lane.ts'
import { isForgotten } from './scripts.ts'

export interface Route extends SendAs {
  readonly to: Redis
}

/** A script is sent again only after a reply that proves that it was not run. */
const TRIES_MAX = 4

/** Calls `send` with a route, and again with another one as long as the server redirects or does not know the script. */
export async function sendFollowing<T>(
  client: RedisClient,
  key: string,
  send: (route: Route) => Promise<T>,
): Promise<T> {
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

/** `host:port`, for logs. */
export function addressOf({ options, stream }: Redis): string {
  // Behind Sentinels the options name no server.
  const { remoteAddress, remotePort } = stream ?? {}
  return remotePort === undefined ? `${options.host}:${options.port}` : `${remoteAddress}:${remotePort}`
}

/** While a slot's server is gone any other one does: it redirects to where the slot went. */
function serverOf(client: RedisClient, key: string): Redis {
  if (!(client instanceof Cluster)) return client
  const server = named(client, client.slots[slotOf(key)]?.[0]) ?? client.nodes('master')[0]
  if (server === undefined) throw new Error('no server of the Cluster is connected')
  return server
}

/** The route that a Cluster's redirect names; undefined if the error is not a redirect. */
async function redirected(client: RedisClient, key: string, { message }: Error): Promise<Route | undefined> {
  const [, kind, address] = /^(MOVED|ASK) \d+ (\S+)$/.exec(message) ?? []
  if (kind === undefined || !(client instanceof Cluster)) return undefined
  client.refreshSlotsCache()
  // A plain read makes ioredis follow the same redirect, and so connect to a node that joined lately.
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
