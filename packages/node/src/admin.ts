/**
 * The operator's port: shows the members of the mesh, and adds and removes them. It listens on loopback only, and each request needs the
 * token, so that no client of the shop, no page in a browser and no other user of this machine gets through.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import Router from '@koa/router'
import Koa from 'koa'
import type { Logger } from 'pino'
import { type SessionStore, type StoreMembers, StoreUnavailableError } from '@ninelives/sessions'
import { errors, RequestError } from './errors.ts'
import { knownRoutes } from './request/guard.ts'
import type { RequestState } from './request.ts'

export interface AdminOptions {
  readonly port: number
  readonly token: string
  readonly node: string
  readonly store: SessionStore
  readonly log: Logger
}

export interface Admin {
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const CONNECTIONS_MAX = 16
const REQUEST_WITHIN_MS = 10_000

/** Rejects with the system's error, such as EADDRINUSE. */
export async function admin({ port, token, node, store, log }: AdminOptions): Promise<Admin> {
  const router = new Router<RequestState>({ strict: true, sensitive: true })
  const shown = (): object => ({ node, ...membersOf(store).status() })
  router.get('/members', (ctx) => {
    ctx.body = shown()
  })
  router.put('/members/:name', async (ctx) => {
    const { name = '' } = ctx.params
    await changed(membersOf(store).add(name))
    log.warn({ event: 'member-added', member: name }, 'a member was added')
    ctx.body = shown()
  })
  router.delete('/members/:name', async (ctx) => {
    const { name = '' } = ctx.params
    const isGone = ctx.query['gone'] === 'true'
    await changed(membersOf(store).remove(name, { isGone }))
    log.warn({ event: 'member-removed', member: name, isGone }, 'a member was removed')
    ctx.body = shown()
  })

  const app = new Koa<RequestState>()
  app.use(errors(log))
  app.use(async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store')
    if (!isSame(ctx.get('Authorization'), `Bearer ${token}`))
      throw new RequestError(401, 'UNAUTHORIZED', 'This needs Authorization: Bearer and ADMIN_TOKEN.')
    await next()
  })
  app.use(knownRoutes(router))
  app.use(router.routes())
  const answer = app.callback()
  const limits = { headersTimeout: REQUEST_WITHIN_MS, requestTimeout: REQUEST_WITHIN_MS }
  const server = createServer(limits, (request, response) => void answer(request, response))
  server.maxConnections = CONNECTIONS_MAX
  server.listen(port, HOST)
  await once(server, 'listening')
  const url = `http://${HOST}:${(server.address() as AddressInfo).port}`
  log.info({ event: 'admin-listening', url }, 'operators are served')
  return {
    async close() {
      const closed = promisify(server.close.bind(server))()
      server.closeAllConnections()
      await closed
    },
  }
}

function membersOf({ name, members }: SessionStore): StoreMembers {
  if (members !== undefined) return members
  throw new RequestError(
    409,
    'MEMBERS_FIXED',
    `The members of this store (${name}) don't change: STORE takes replicated: with members=a,b,c and names to spare.`,
  )
}

async function changed(change: Promise<void>): Promise<void> {
  try {
    await change
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    throw new RequestError(409, 'MEMBERS_REFUSED', `Not changed, or not yet: ${reason}.`)
  }
}

/** Hashed, since only texts of one length can be compared in constant time. */
function isSame(left: string, right: string): boolean {
  return timingSafeEqual(hash('sha256', left, 'buffer'), hash('sha256', right, 'buffer'))
}
