/** How often a request waits for Redis, counted by a slow relay, with a process that has no other load. */
import type { Load, RequestKind } from './load.ts'
import { slowRelay } from './slow-relay.ts'
import { startServer, type SubjectSpec } from './subject.ts'

const REQUESTS = 20

export type RoundTrips = Readonly<Record<RequestKind, number>>

/** Undefined for a Redis with TLS, which the relay can't serve. */
export async function countedRoundTrips(
  spec: SubjectSpec,
  redisUrl: string,
  load: Load,
): Promise<RoundTrips | undefined> {
  if (!redisUrl.startsWith('redis://')) return undefined
  const relay = await slowRelay(redisUrl)
  const server = await startServer(spec, relay.url)
  const name = `${spec.name}, for its round trips`
  const perRequest = async (kind: RequestKind): Promise<number> => {
    const before = relay.roundTripsSoFar()
    await load.run(name, kind, REQUESTS, 1)
    return (relay.roundTripsSoFar() - before) / REQUESTS
  }
  try {
    await load.begin(name, server.ready.port, 1)
    return { read: await perRequest('read'), write: await perRequest('write') }
  } finally {
    server.stop()
    relay.stop()
  }
}
