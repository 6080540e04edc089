/** A Koa app on the session layer, listening on a free port, and a client that keeps its cookie. */
import type { ExecutionContext } from 'ava'
import Koa from 'koa'
import { type SessionLayer, sessions, type SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listening } from './koa-server.ts'

export const KEY = 'a key of thirty-two characters, 1'

export type Handler = (ctx: Koa.Context) => unknown

/** `routes` by path; what a handler returns becomes the body. */
export async function shop(
  t: ExecutionContext,
  routes: Readonly<Record<string, Handler>>,
  options: Partial<SessionsOptions> = {},
  onLayer: (layer: SessionLayer, app: Koa) => void = () => {},
): Promise<string> {
  const app = new Koa()
  onLayer(sessions(app, { store: memoryStore(), keys: [KEY], secure: false, ...options }), app)
  app.use(async (ctx) => {
    ctx.body = (await routes[ctx.path]?.(ctx)) ?? null
  })
  return await listening(t, app)
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: Headers
  readonly setCookie: readonly string[]
}

export interface Client {
  cookie: string | undefined
  /** With `key`, as a request that carries an idempotency key. */
  get(path: string, key?: string): Promise<Answer>
}

/** Sends one cookie and remembers what it is told, as a browser does. */
export function client(origin: string, cookie?: string): Client {
  return {
    cookie,
    async get(path, key) {
      const headers = {
        ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      }
      const response = await fetch(origin + path, { headers })
      const text = await response.text()
      const setCookie = response.headers.getSetCookie()
      for (const each of setCookie) this.cookie = /^[^=]+=;/.test(each) ? undefined : each.split(';', 1)[0]
      const isJson = response.headers.get('content-type')?.includes('json') === true
      return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers, setCookie }
    },
  }
}
