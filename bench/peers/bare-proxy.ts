/** What the bare proxies share: round robin over the nodes, connections that are kept, and nothing else. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const SOCKETS_MAX = 256

export type Forward = (request: IncomingMessage, response: ServerResponse, target: string, agent: Agent) => void

/** The nodes' URLs are the arguments. */
export function bareProxy(forward: Forward): void {
  const targets = process.argv.slice(2)
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
  let turn = 0
  const server = createServer((request, response) => {
    forward(request, response, targets[turn++ % targets.length] ?? '', agent)
  })
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('disconnect', () => process.exit())
}
