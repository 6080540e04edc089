/** The HTTP server of the shop: its limits, its start, and an end that lets requests in flight finish. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProbeConnectionOptions, type ProbeConnections, probeConnections } from './probe-connections.ts'

/**
 * A balancer keeps idle connections, and if we close one just as it sends a request, that request fails. So connections idle longer
 * here than in any balancer: nginx closes them after 60 s, ours earlier.
 */
const KEEP_ALIVE_MS = 75_000
const HEADERS_WITHIN_MS = 10_000
const REQUEST_WITHIN_MS = 30_000
const LIMITS_CHECKED_EVERY_MS = 5_000
const HEADER_BYTES_MAX = 16 * 1024
const CONNECTIONS_MAX = 10_000
const IDLE_SWEEP_MS = 25

export interface ListeningServer {
  readonly url: string
  readonly server: Server
  /** Takes no new connections, waits for requests in flight, and closes the rest after the bound. */
  close(options: { withinMs: number }): Promise<{ cut: boolean }>
}

/** Rejects with the system's error, such as EADDRINUSE. */
export async function listen(
  listener: RequestListener,
  onProbe: ProbeConnectionOptions['answer'],
  { host, port }: { host: string; port: number },
): Promise<ListeningServer> {
  const server: Server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: LIMITS_CHECKED_EVERY_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      // A client that offers h2c, or a WebSocket where none is taken, gets an answer in HTTP/1.1.
      shouldUpgradeCallback: ({ headers }) =>
        server.listenerCount('upgrade') > 0 && headers.upgrade?.toLowerCase() === 'websocket',
    },
    listener,
  )
  server.maxConnections = CONNECTIONS_MAX
  const probes = probeConnections(server, {
    answer: onProbe,
    firstBytesWithinMs: HEADERS_WITHIN_MS,
    idleMs: KEEP_ALIVE_MS,
  })
  server.listen(port, host)
  await once(server, 'listening')
  return { url: urlOf(server), server, close: (options) => close(server, probes, options.withinMs) }
}

async function close(server: Server, probes: ProbeConnections, withinMs: number): Promise<{ cut: boolean }> {
  const closed = new Promise<boolean>((resolve) => server.close(() => resolve(false)))
  // A connection becomes idle after its last answer, and would then stay open until its client or its timeout closes it.
  const sweep = setInterval(() => {
    server.closeIdleConnections()
    probes.closeIdle()
  }, IDLE_SWEEP_MS)
  const bound = new AbortController()
  const tooLate = sleep(withinMs, true, { signal: bound.signal }).catch(() => true)
  const cut = await Promise.race([closed, tooLate])
  bound.abort()
  clearInterval(sweep)
  if (cut) {
    server.closeAllConnections()
    probes.closeAll()
  }
  return { cut }
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
