/** A Koa app of a test's own on a free port, and requests that may say whatever the test wants them to. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, Server } from 'node:http'
import type { ExecutionContext } from 'ava'
import type Koa from 'koa'

export async function listening(t: ExecutionContext, app: Koa): Promise<string> {
  app.silent = true
  return await served(t, app.listen(0, '127.0.0.1'))
}

/** A server of `node:http` on a free port. */
export async function listener(t: ExecutionContext, answer: RequestListener): Promise<string> {
  return await served(t, createServer(answer).listen(0, '127.0.0.1'))
}

async function served(t: ExecutionContext, server: Server): Promise<string> {
  // On a busy machine it would close an idle connection just when the client sends over it.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface Said {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Heard {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** One request with exactly these headers, on a connection of its own. */
export async function say(url: string, { method = 'GET', headers = {} }: Said = {}): Promise<Heard> {
  const sent = request(url, { method, headers, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
}

/** One request as raw bytes, and all that came back until the connection was over, in whatever way. */
export async function sayRaw(
  origin: string,
  lines: readonly string[],
  encoding: BufferEncoding = 'utf8',
): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.on('error', () => {
    // A server that hangs up early is one of the outcomes; 'close' follows.
  })
  // Written and not ended: a server may take a half-closed connection for a client that left.
  socket.write(Buffer.from([...lines, 'Connection: close', '', ''].join('\r\n'), encoding))
  await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(heard).toString()
}
