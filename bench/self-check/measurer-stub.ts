/**
 * A shop that harms its users exactly as the plan says, and counts the harm. It keeps carts in a map and checks no
 * password, so nothing else goes wrong.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { calm, isIn, type Plan } from './measurer-plan.ts'

interface Session {
  readonly user: string
  readonly things: Map<string, number>
  count: number
  /** Doubled, and not shown yet. */
  unseen: number
}

/** The harm that was done. */
export interface Harm {
  readonly writesLost: number
  /** And shown: a doubled write that is lost with its session is not counted. */
  readonly writesDoubled: number
  readonly sessionsLost: number
  /** The actual delays of the answers in the calm stretch. */
  readonly heldMs: readonly number[]
}

interface Told {
  readonly plan: Plan
  readonly originNs: string
}

let plan: Plan | undefined
let origin = 0n
const now = (): number => Number(process.hrtime.bigint() - origin) / 1e6

const sessions = new Map<string, Session>()
const heldMs: number[] = []
let [requests, puts, looks, sessionIds] = [0, 0, 0, 0]
let [writesLost, writesDoubled, sessionsLost] = [0, 0, 0]

const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1')
await once(server, 'listening')
process.on('disconnect', () => process.exit(1))
process.on('message', (message: Told | 'tell') => {
  if (message === 'tell') process.send?.({ writesLost, writesDoubled, sessionsLost, heldMs } satisfies Harm)
  else {
    plan = message.plan
    origin = BigInt(message.originNs)
  }
})
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks = (await request.toArray()) as Buffer[]
  const arrivedMs = now()
  if (plan === undefined) return void response.writeHead(503).end()
  if (isIn(plan.outage, arrivedMs)) return void request.socket.resetAndDestroy()
  const holdMs = ++requests % plan.longHoldEvery === 0 ? plan.longHoldMs : plan.holdMs
  setTimeout(() => release(request, response, Buffer.concat(chunks).toString('utf8'), arrivedMs), holdMs)
}

function release(request: IncomingMessage, response: ServerResponse, text: string, arrivedMs: number): void {
  if (plan === undefined) return
  const { stall, outage } = plan
  const untilMs = stall.atMs + stall.forMs
  if (isIn(stall, now())) return void setTimeout(() => release(request, response, text, arrivedMs), untilMs - now())
  if (isIn(outage, now())) return void request.socket.resetAndDestroy()
  const { status, body, cookie } = answer(plan, request, text)
  if (isIn(calm(plan), arrivedMs)) heldMs.push(now() - arrivedMs)
  response.setHeader('X-Served-By', 'stub')
  if (cookie !== undefined) response.setHeader('Set-Cookie', cookie)
  response.writeHead(status).end(body === undefined ? undefined : JSON.stringify(body))
}

interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly cookie?: string
}

const NOT_LOGGED_IN: Answer = { status: 401, body: { error: { code: 'NOT_LOGGED_IN', message: '' } } }

function answer(plan: Plan, { method, url, headers }: IncomingMessage, text: string): Answer {
  const id = /sid=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? ''
  const session = sessions.get(id)
  const told = (text === '' ? {} : JSON.parse(text)) as { name?: string; sku?: string }
  if (url === '/api/login') return begin(told.name ?? '')
  if (url === '/api/counter') return { status: 200, body: { count: session === undefined ? 1 : ++session.count } }
  if (session === undefined) return NOT_LOGGED_IN
  if (url === '/api/logout') {
    sessions.delete(id)
    return { status: 204 }
  }
  const isHarmful = now() < plan.harmUntilMs
  if (method === 'GET' && isHarmful && ++looks % plan.forgetEvery === 0) return forget(id, session)
  if (method === 'POST') return put(plan, session, told.sku ?? '', isHarmful)
  return cart(session)
}

function begin(user: string): Answer {
  const id = `s${++sessionIds}`
  sessions.set(id, { user, things: new Map(), count: 0, unseen: 0 })
  return { status: 200, body: { user }, cookie: `sid=${id}; Path=/; HttpOnly` }
}

function forget(id: string, { things }: Session): Answer {
  sessions.delete(id)
  sessionsLost++
  writesLost += things.size
  return NOT_LOGGED_IN
}

function put(plan: Plan, session: Session, sku: string, isHarmful: boolean): Answer {
  const told = cart(session, [sku, 1])
  const nth = ++puts
  if (isHarmful && nth % plan.loseEvery === 0) {
    writesLost++
    return told
  }
  const isDoubled = isHarmful && nth % plan.doubleEvery === 0
  if (isDoubled) session.unseen++
  session.things.set(sku, isDoubled ? 2 : 1)
  return told
}

function cart(session: Session, ...more: (readonly [string, number])[]): Answer {
  const { user, things } = session
  writesDoubled += session.unseen
  session.unseen = 0
  const items = [...things, ...more].map(([sku, quantity]) => ({ sku, quantity }))
  return { status: 200, body: { user, items } }
}
