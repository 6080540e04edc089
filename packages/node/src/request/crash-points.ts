/**
 * Kills this process at a crash point of a request by order of the lab. Orders come over the IPC channel from the lab or over its port,
 * so without a lab there are no crash points, and no request can order a crash.
 *
 * The session layer reports its steps without their request, which is therefore kept in the async context, but only while an order
 * stands.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { writeSync } from 'node:fs'
import type Koa from 'koa'
import type { EngineStep } from '@ninelives/sessions'
import type { RequestState } from '../request.ts'
import type { OrderChannel } from '../self-inflicted/index.ts'

export type CrashPoint = EngineStep | 'after-response'

export interface CrashOrder {
  readonly id: string
  readonly point: CrashPoint
  /** Crashes at the n-th request that passes the point from now; 1 is the next. */
  readonly request: number
  /** Only requests of this method and route count, such as `POST /api/cart`. */
  readonly operation?: string
}

export interface CrashPoints {
  /** Runs right before the session layer, so it sees requests with sessions and no probes. */
  readonly middleware: Koa.Middleware<RequestState>
  /** The same for a message on a socket, which `work` answers. */
  readonly within: <T>(operation: string, work: () => Promise<T>) => Promise<T>
  readonly onStep: (step: EngineStep) => void
  /** False if too many orders stand already. */
  arm(order: CrashOrder): boolean
  cancel(id: string): void
}

interface Passing {
  readonly operation: string
  /** A retried commit passes its point again, but its request counts once. */
  readonly passed: Set<CrashPoint>
}

/** The most orders at a time; one beyond that is not answered. */
const ORDERS_MAX = 16
const POINTS: ReadonlySet<unknown> = new Set<CrashPoint>([
  'before-read',
  'before-commit',
  'after-commit',
  'after-response',
])

/** `onCrash`: told synchronously, right before the process dies. */
export function crashPoints(node: string, onCrash?: (about: Readonly<Record<string, unknown>>) => void): CrashPoints {
  const requests = new AsyncLocalStorage<Passing>()
  const orders = new Map<string, { readonly order: CrashOrder; left: number }>()

  function pass(point: CrashPoint, passing: Passing | undefined): void {
    if (passing === undefined || passing.passed.has(point)) return
    passing.passed.add(point)
    const { operation } = passing
    for (const waiting of orders.values()) {
      const { order } = waiting
      if (order.point !== point || (order.operation ?? operation) !== operation) continue
      waiting.left -= 1
      if (waiting.left > 0) continue
      orders.delete(order.id)
      const about = { event: 'crash-point', fault: order.id, point, operation }
      say({ node, ...about, msg: 'node dies here, as ordered' })
      onCrash?.(about)
      // SIGKILL: no handler runs, no buffer is flushed, and the system closes every socket.
      process.kill(process.pid, 'SIGKILL')
    }
  }

  return {
    async middleware(ctx, next) {
      if (orders.size === 0) return await next()
      const passing: Passing = { operation: `${ctx.method} ${ctx.state.route ?? ctx.path}`, passed: new Set() }
      ctx.res.once('finish', () => pass('after-response', passing))
      await requests.run(passing, next)
    },
    async within(operation, work) {
      if (orders.size === 0) return await work()
      const passing: Passing = { operation, passed: new Set() }
      const result = await requests.run(passing, work)
      pass('after-response', passing)
      return result
    },
    onStep(step) {
      if (orders.size > 0) pass(step, requests.getStore())
    },
    arm(order) {
      if (orders.size >= ORDERS_MAX) return false
      orders.set(order.id, { order, left: order.request })
      return true
    },
    cancel: (id) => void orders.delete(id),
  }
}

/**
 * Takes the lab's orders from the channel, and answers when each is in force; earlier requests don't count. Returns a function that
 * cancels them.
 */
export function obeyLab(points: CrashPoints, channel: OrderChannel): () => void {
  const armed = new Set<string>()
  channel.onMessage(({ type, id, point, request, operation }) => {
    if (typeof id !== 'string') return
    if (type === 'crash-cancel') {
      armed.delete(id)
      points.cancel(id)
      channel.send({ type: 'crash-cancelled', id })
    }
    if (type === 'crash-at' && POINTS.has(point) && typeof request === 'number') {
      const only = typeof operation === 'string' ? { operation } : {}
      if (!points.arm({ id, point: point as CrashPoint, request, ...only })) return
      armed.add(id)
      channel.send({ type: 'crash-armed', id })
    }
  })
  return () => armed.forEach((id) => points.cancel(id))
}

const STDOUT = 1
const FATAL_LEVEL = 60

/** Writes a log line synchronously, as the logger writes in the background and the process is about to die. */
function say(fields: Readonly<Record<string, unknown>>): void {
  try {
    writeSync(STDOUT, `${JSON.stringify({ level: FATAL_LEVEL, time: Date.now(), ...fields })}\n`)
  } catch {
    // The pipe is full or closed. Without the line the lab does not count this as the ordered crash.
  }
}
