/** The HTTP server around the shop: its limits, how it begins to listen, and how it ends without cutting anybody off. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A balancer keeps idle connections to us, and one that we close just as it sends a request costs that request. So ours
 * live longer than any balancer's: nginx lets go after 60 s, our own earlier.
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
  /** Takes no new connection, lets requests in flight end, and cuts what is left after the bound. */
  close(options: { withinMs: number }): Promise<{ cut: boolean }>
}

/** Rejects with the system's error, such as EADDRINUSE. */
export async function listen(
  listener: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<ListeningServer> {
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: LIMITS_CHECKED_EVERY_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    listener,
  )
  server.maxConnections = CONNECTIONS_MAX
  server.listen(port, host)
  await once(server, 'listening')
  return { url: urlOf(server), close: (options) => close(server, options.withinMs) }
}

async function close(server: Server, withinMs: number): Promise<{ cut: boolean }> {
  const closed = new Promise<boolean>((resolve) => server.close(() => resolve(false)))
  // A connection turns idle when its last answer is out, and would then be kept until its client or its timeout ends it.
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
  const bound = new AbortController()
  const tooLate = sleep(withinMs, true, { signal: bound.signal }).catch(() => true)
  const cut = await Promise.race([closed, tooLate])
  bound.abort()
  clearInterval(sweep)
  if (cut) server.closeAllConnections()
  return { cut }
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
