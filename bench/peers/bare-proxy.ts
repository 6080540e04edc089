/** The shared part of the bare proxies: round robin over the nodes, connections that are kept, and nothing else. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { environment, listen } from './program.ts'

const SOCKETS_MAX = 256

export type Forward = (request: IncomingMessage, response: ServerResponse, target: string, agent: Agent) => void

export function bareProxy(forward: Forward): void {
  const { upstreams } = environment
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
  let turn = 0
  listen(
    createServer((request, response) => {
      forward(request, response, `http://127.0.0.1:${upstreams[turn++ % upstreams.length]?.port}`, agent)
    }),
  )
}

export function badGateway(response: ServerResponse, error: Error): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(502).end(error.message)
}
