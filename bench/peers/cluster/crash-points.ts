/**
 * The crash points of a peer's node, by order of the lab as in our nodes: a request has come (`before-read`, `before-commit`), its answer
 * goes out, which every library does after its write (`after-commit`), and its answer went out (`after-response`).
 */
import { writeSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'

interface Order {
  readonly id: string
  readonly point: string
  readonly operation: string | undefined
  left: number
}

const STDOUT = 1
const orders = new Map<string, Order>()

process.on('message', (message: unknown) => {
  const { type, id, point, request, operation } = (message ?? {}) as Readonly<Record<string, unknown>>
  if (typeof id !== 'string') return
  if (type === 'crash-cancel') {
    orders.delete(id)
    process.send?.({ type: 'crash-cancelled', id })
  }
  if (type !== 'crash-at') return
  const only = typeof operation === 'string' ? operation : undefined
  orders.set(id, { id, point: String(point), operation: only, left: Number(request) })
  process.send?.({ type: 'crash-armed', id })
})

/** Call it before a library gets the response, so that what the library does at its end comes first. */
export function passCrashPoints({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
  if (orders.size === 0) return
  const operation = `${method} ${url.split('?')[0]}`
  pass('before-read', operation)
  // What only reads commits nothing.
  const changes = method !== 'GET'
  if (changes) pass('before-commit', operation)
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse
  response.end = (...args: unknown[]) => {
    if (changes) pass('after-commit', operation)
    return end(...args)
  }
  response.once('finish', () => pass('after-response', operation))
}

function pass(point: string, operation: string): void {
  for (const order of orders.values()) {
    if (order.point !== point || (order.operation ?? operation) !== operation || --order.left > 0) continue
    const line = { level: 60, time: Date.now(), event: 'crash-point', fault: order.id, point, operation }
    // Written at once, as the process is about to die.
    writeSync(STDOUT, `${JSON.stringify(line)}\n`)
    process.kill(process.pid, 'SIGKILL')
  }
}
