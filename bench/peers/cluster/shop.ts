/**
 * The shop's interface over any library's session, so that peers differ in the library alone. It uses a session as the libraries' manuals
 * show: read its fields, change them, let the library write them back. Passwords and cart are the node's own code.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { addTo, type Cart, checkedQuantity, checkedSku, demoAccounts, itemsOf, removeFrom } from '@ninelives/node'
import { environment, listen } from '../program.ts'
import { passCrashPoints } from './crash-points.ts'

/** A library's session in a request. */
export interface Visit {
  /** Empty in a new session. Called again after `renew` and `end`. */
  readonly fields: () => object
  /** Another id, as at each login. */
  readonly renew: () => Promise<void>
  readonly end: () => Promise<void>
}

export interface Answer {
  readonly status: number
  readonly body?: object
}

interface Fields {
  user?: string
  cart?: Cart
  count?: number
  padding?: string
}

type Body = Readonly<Record<string, unknown>>

const { name: node, sessionPaddingBytes } = environment
const accounts = demoAccounts({ count: environment.accounts, cost: 'low' })
const BODY_CHARS_MAX = 16_384

/** `body`: of the request, parsed. */
export async function answer(method: string, path: string, body: unknown, visit: Visit): Promise<Answer> {
  const fields = visit.fields() as Fields
  const given = (body ?? {}) as Body
  switch (`${method} ${path.split('?')[0]}`) {
    case 'POST /api/login':
      return await logIn(given, visit)
    case 'POST /api/logout':
      await visit.end()
      return { status: 204 }
    case 'GET /api/session':
      return { status: 200, body: { authenticated: fields.user !== undefined, user: fields.user, node } }
    case 'POST /api/counter':
      fields.count = (fields.count ?? 0) + 1
      return { status: 200, body: { count: fields.count, node } }
    default:
      return path.startsWith('/api/cart') ? useCart(method, path, given, fields) : refused(404, 'NOT_FOUND')
  }
}

async function logIn({ name, password }: Body, visit: Visit): Promise<Answer> {
  const account = await accounts.verify(String(name), String(password))
  if (account === undefined) return refused(401, 'WRONG_CREDENTIALS')
  await visit.renew()
  const fields = visit.fields() as Fields
  fields.user = account.name
  if (sessionPaddingBytes > 0) fields.padding = padding()
  return { status: 200, body: { user: account.name, displayName: account.displayName, node } }
}

/** Random, so that a store can't compress it. */
function padding(): string {
  return randomBytes(sessionPaddingBytes).toString('base64').slice(0, sessionPaddingBytes)
}

function useCart(method: string, path: string, body: Body, fields: Fields): Answer {
  const { user } = fields
  if (user === undefined) return refused(401, 'NOT_LOGGED_IN')
  try {
    // A new object each time: some libraries compare fields by reference.
    const cart = { ...fields.cart }
    if (method === 'POST') addTo(cart, checkedSku(body['sku']), checkedQuantity(body['quantity']))
    if (method === 'DELETE') removeFrom(cart, checkedSku(path.slice('/api/cart/'.length)))
    if (method !== 'GET') fields.cart = cart
    return { status: 200, body: { user, items: itemsOf(cart), node } }
  } catch (error) {
    return refused(422, (error as Error).message)
  }
}

function refused(status: number, code: string): Answer {
  return { status, body: { error: { code, message: code } } }
}

/** Undefined without a body of JSON. */
export async function jsonBody(request: Readable): Promise<unknown> {
  const given = await text(request)
  try {
    return given === '' || given.length > BODY_CHARS_MAX ? undefined : JSON.parse(given)
  } catch {
    // The route answers that a field is missing.
    return undefined
  }
}

/** The server around an application: it names the node in each answer, and answers probes itself. */
export function shopServer(application: RequestListener): Server {
  return createServer((request, response) => {
    response.setHeader('X-Served-By', node)
    const isProbe = request.method === 'GET' && (request.url === '/readyz' || request.url === '/healthz')
    if (isProbe) {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ready":true}')
      return
    }
    passCrashPoints(request, response)
    application(request, response)
  })
}

export function serve(application: RequestListener): void {
  listen(shopServer(application))
}
