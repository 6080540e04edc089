/**
 * The shared part of every peer, so that they differ in their session layer alone: the work of a request, a server on a free port, and
 * an answer to the question how much CPU time the process took.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Fields, sessionContents } from '../harness/contents.ts'

/** Where sessions are kept. */
export const storeUrl = process.argv[2] ?? ''
export { MAX_AGE_MS, SIGNING_KEY } from './secrets.ts'

/** GET /read, POST /write, and POST /begin?USER, which logs in. */
export function handle(method: string, url: string, opened: object | null): { user: unknown; count: unknown } {
  // Each library has a type of its own for an object with fields.
  const session = opened as Fields
  const [path, user = ''] = url.split('?')
  const asked = `${method} ${path}`
  if (asked === 'POST /begin') Object.assign(session, sessionContents(user))
  else if (asked === 'POST /write') session['count'] = Number(session['count']) + 1
  else if (asked !== 'GET /read') throw new Error(`no route for ${asked}`)
  return { user: session['user'], count: session['count'] }
}

export function serve(listener: RequestListener): void {
  listen(createServer(listener))
}

/** For a framework that makes its own server. */
export function listen(server: Server): void {
  // Between two turns a peer is idle for longer than Node's default of a few seconds.
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('disconnect', () => process.exit())
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMicros: user + system })
  })
}
