/** The application as it is now: on Koa, with `sessions()` and `adopt`. */
import type { ExecutionContext } from 'ava'
import type Koa from 'koa'
import { openOldSessions, type OldSessions, type OldSessionsOptions } from '../../../src/adoption/old-sessions.ts'
import type { SessionLayer, SessionsOptions } from '../../../src/koa/koa.ts'
import { type Handler, shop } from '../shop.ts'

/** With the defaults for what is left out; `undefined` leaves out what has none. */
export type SomeOptions = { [name in keyof OldSessionsOptions]?: OldSessionsOptions[name] | undefined }

export const PATIENCE_MS = 60_000
export const LATER = new Date(Date.now() + 86_400_000)

export async function opened(t: ExecutionContext, url: string, options: SomeOptions = {}): Promise<OldSessions> {
  // A busy machine is no outage.
  const patient = url.includes('?') ? url : `${url}?timeoutMs=${PATIENCE_MS}&openTimeoutMs=${PATIENCE_MS}`
  const old = await openOldSessions(patient, {
    writtenBy: 'express-session',
    until: LATER,
    secrets: ['keyboard cat'],
    ...options,
  } as OldSessionsOptions)
  t.teardown(() => old.close())
  return old
}

const fields = (ctx: Koa.Context) => {
  const kept = JSON.parse(JSON.stringify(ctx.session)) as object
  return { ...kept, id: ctx.sessionInfo?.id, maxAge: ctx.session.maxAge }
}

const routes: Readonly<Record<string, Handler>> = {
  '/': fields,
  '/login': (ctx) => {
    Object.assign(ctx.session, { user: 'grace' })
    return {}
  },
  '/add': async (ctx) => await ctx.session.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1)),
  '/logout': (ctx) => {
    ctx.session = null
    return {}
  },
  '/anew': (ctx) => {
    ctx.session = null
    ctx.session = { user: 'grace' }
    return {}
  },
}

export interface NewApp {
  readonly origin: string
  readonly layer: SessionLayer
}

export async function newApp(t: ExecutionContext, options: Partial<SessionsOptions>): Promise<NewApp> {
  const layers: SessionLayer[] = []
  const origin = await shop(t, routes, { guard: { callTimeoutMs: PATIENCE_MS }, ...options }, (layer) =>
    layers.push(layer),
  )
  return { origin, layer: layers[0] as SessionLayer }
}
