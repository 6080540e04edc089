/** One of the nodes behind the balancers: it echoes the request, at the least cost in Node. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const NAME = process.argv[2] ?? 'node'
/** About the headers of the shop. */
const HEADERS = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', 'X-Served-By': NAME }
const FILLING = 'x'.repeat(150)

function listener(request: IncomingMessage, response: ServerResponse): void {
  let body = ''
  request.setEncoding('utf8').on('data', (part: string) => (body += part))
  request.on('end', () => {
    const text = JSON.stringify({ url: request.url, body, filling: FILLING })
    response.writeHead(200, { ...HEADERS, 'Content-Length': Buffer.byteLength(text) }).end(text)
  })
}

const server = createServer(listener)
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())
