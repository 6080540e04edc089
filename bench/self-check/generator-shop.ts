/** The cheapest shop there can be, for a load whose own cost is to be seen: it remembers who has put what, and nothing else. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Session {
  readonly user: string
  readonly items: { readonly sku: string; readonly quantity: number }[]
  count: number
}

const sessions = new Map<string, Session>()
let ids = 0

const server = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => (text += chunk))
  request.on('end', () => {
    const { status, body, cookie } = answer(request, text)
    const headers = { 'x-served-by': 'a', ...(cookie === undefined ? {} : { 'set-cookie': cookie }) }
    response.writeHead(status, headers).end(body === undefined ? undefined : JSON.stringify(body))
  })
}).listen(0, '127.0.0.1')
await once(server, 'listening')
process.on('disconnect', () => process.exit(1))
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

function answer({ url, method, headers }: IncomingMessage, text: string) {
  const id = /sid=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? ''
  const session = sessions.get(id)
  const { name = '', sku = '' } = (text === '' ? {} : JSON.parse(text)) as { name?: string; sku?: string }
  if (url === '/api/login') {
    sessions.set(`s${++ids}`, { user: name, items: [], count: 0 })
    return { status: 200, body: { user: name }, cookie: `sid=s${ids}; Path=/; HttpOnly` }
  }
  if (url === '/api/counter') return { status: 200, body: { count: session === undefined ? 1 : ++session.count } }
  if (session === undefined) return { status: 401, body: { error: { code: 'NOT_LOGGED_IN', message: '' } } }
  if (url === '/api/logout') return { status: sessions.delete(id) ? 204 : 401 }
  if (method === 'POST') session.items.push({ sku, quantity: 1 })
  return { status: 200, body: { user: session.user, items: session.items } }
}
