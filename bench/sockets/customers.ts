/** Customers with sockets on the floor, all in this process. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type SessionClient, sessionClient } from '@ninelives/sessions/client'
import { WebSocket } from 'ws'

export interface Customer {
  readonly client: SessionClient
  /** Where its socket is; undefined while it has none. */
  node: string | undefined
  backAtMs: number
}

/** A session may have eight at one node; with fewer, all fit wherever they come back. */
const SOCKETS_PER_SESSION = 8
const OPENING_AT_ONCE = 50
/** A balancer takes so many connections of one address, and some more. */
const SOCKETS_PER_ADDRESS = 800
/** The shop's. */
const ACCOUNTS = 100
const WELCOME_WITHIN_MS = 60_000

/** Resolves when every one of them was welcomed. */
export async function customersAt(shopUrl: string, count: number): Promise<Customer[]> {
  const customers: Customer[] = []
  const sessions = Math.ceil(count / SOCKETS_PER_SESSION)
  const waiting = Array.from({ length: sessions }, (_, n) => n)
  const open = async (): Promise<void> => {
    for (let n = waiting.pop(); n !== undefined; n = waiting.pop()) {
      const cookie = await cookieOf(shopUrl, n)
      const sockets = Math.min(SOCKETS_PER_SESSION, count - n * SOCKETS_PER_SESSION)
      for (let socket = 0; socket < sockets; socket++) {
        const localAddress = `127.0.1.${1 + Math.floor((n * SOCKETS_PER_SESSION + socket) / SOCKETS_PER_ADDRESS)}`
        customers.push(await customer(shopUrl, { cookie, localAddress }))
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(OPENING_AT_ONCE, sessions) }, open))
  return customers
}

export async function cookieOf(shopUrl: string, n: number): Promise<string> {
  // Each login is a session of its own, and the oldest of a user's many sessions are ended.
  const account = n % ACCOUNTS
  const response = await fetch(`${shopUrl}/api/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: `user-${account}`, password: `password-${account}` }),
  })
  if (!response.ok) throw new Error(`a login was answered by ${response.status}`)
  return response.headers
    .getSetCookie()
    .map((each) => each.split(';', 1)[0])
    .join('; ')
}

interface Origin {
  readonly cookie: string
  readonly localAddress: string
}

async function customer(shopUrl: string, { cookie, localAddress }: Origin): Promise<Customer> {
  const welcomed = Promise.withResolvers<void>()
  const state: { node: string | undefined; backAtMs: number } = { node: undefined, backAtMs: 0 }
  const client = sessionClient(`${shopUrl.replace('http', 'ws')}/api/floor`, {
    onMessage(message) {
      if (message.type !== 'welcome') return
      Object.assign(state, { node: String(message['node']), backAtMs: performance.now() })
      welcomed.resolve()
    },
    onState: (now) => void (now === 'waiting' && (state.node = undefined)),
    WebSocket: function Browser(url: string): WebSocket {
      const socket = new WebSocket(url, { headers: { cookie }, localAddress, perMessageDeflate: false })
      socket.on('error', () => 'a close follows')
      return socket
    } as unknown as new (url: string) => globalThis.WebSocket,
  })
  const late = setTimeout(() => {
    client.close()
    welcomed.reject(new Error(`a socket was not welcomed within ${WELCOME_WITHIN_MS / 1_000} s`))
  }, WELCOME_WITHIN_MS)
  await welcomed.promise.finally(() => clearTimeout(late))
  return Object.assign(state, { client })
}

/** Moves of the first `walkers` at a steady rate in all. Resolves how many were acknowledged. */
export async function walk(
  customers: readonly Customer[],
  { walkers, movesPerSecond, seconds }: { walkers: number; movesPerSecond: number; seconds: number },
): Promise<number> {
  const endAtMs = performance.now() + seconds * 1_000
  const everyMs = (1_000 * walkers) / movesPerSecond
  let moves = 0
  const steps = [
    { dx: 1, dy: 0 },
    { dx: -1, dy: 0 },
  ] as const
  const walkOne = async ({ client }: Customer, index: number): Promise<void> => {
    let dueMs = performance.now() + (everyMs * index) / walkers
    for (let turn = 0; dueMs < endAtMs; turn++, dueMs += everyMs) {
      await sleep(Math.max(0, dueMs - performance.now()))
      await client.send('move', steps[turn % 2])
      moves++
    }
  }
  await Promise.all(customers.slice(0, walkers).map(walkOne))
  return moves
}
