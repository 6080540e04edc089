/**
 * A balancer that takes turns, and sends every twentieth POST to two nodes, one after the other, as one does that takes a slow answer for
 * a lost request. Its arguments are the URLs of the nodes; it prints its own.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

const DOUBLES_EVERY = 20
const nodes = process.argv.slice(2)
let requests = 0
let posts = 0

function next(): string {
  return nodes[requests++ % nodes.length] ?? ''
}

async function ask(node: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  const asked = send(new URL(url ?? '/', node), { method, headers })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return answer
}

async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(request)
  const isDoubled = request.method === 'POST' && ++posts % DOUBLES_EVERY === 0
  if (isDoubled) (await ask(next(), request, body)).resume()
  const answer = await ask(next(), request, body)
  response.writeHead(answer.statusCode ?? 502, answer.headers)
  answer.pipe(response)
}

const server = createServer((request, response) => {
  pass(request, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
