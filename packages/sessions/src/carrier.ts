/**
 * What an adapter needs for a store whose sessions travel with their clients, sealed in the session's cookie. The store's own verbs
 * are for what the nodes share. Its carrier opens the cookies of a request, and gives the request a store of its own, which has
 * the sessions of those cookies. A middleware whose cookie has an id and nothing else can't serve such a store.
 */
import type { Clock } from './clock.ts'
import type { SessionStore } from './contract.ts'
import type { Unsealed } from './secrets/cookie.ts'
import type { SessionId } from './secrets/id.ts'

/** Of a cookie with its name and attributes: what every browser takes. */
export const COOKIE_BYTES_MAX = 4_096

export interface CarriedStore extends SessionStore {
  /** Called once by each adapter. */
  readonly carrier: (options: CarrierOptions) => Carrier
}

/** What only the adapter knows. */
export interface CarrierOptions {
  /** This store's own verbs, as the adapter guards them. */
  readonly shared: SessionStore
  /** The application's, newest first. */
  readonly keys: readonly string[]
  /** With its prefix: cookies of another name are sealed by other keys. */
  readonly cookieName: string
  /** Of the cookie, so that with its name and attributes it is not larger than a browser takes. */
  readonly valueBytesMax: number
  readonly clock: Clock
  /** The longest that a session can live from now on. */
  readonly lifetimeMaxMs: number
  readonly onEvent: (event: CarrierEvent) => void
}

/**
 * A session's cookie that opens no session: the request goes on without one. `unreadable`: it is cut, forged, or sealed by a key that
 * is not known. `expired`, `ended`: its session is over. `cookie-older`: it is a copy from before a later change.
 */
export type CarrierEvent =
  | { readonly event: 'cookie-refused'; readonly reason: 'unreadable' | 'expired' | 'ended' }
  | { readonly event: 'cookie-older' }

export interface Carrier {
  /** For what is done to sessions outside of their requests: it has what the nodes share of them, and not their data. */
  readonly store: SessionStore
  /** The most bytes that a session may spend on remembering keyed requests. */
  readonly idempotencyBytesMax: number
  /** Begins a request that came with these values of the session's cookie. */
  readonly receive: (values: readonly string[]) => CarriedRequest
}

export interface CarriedRequest {
  /** Has the sessions that the request came with or begins. */
  readonly store: SessionStore
  /** Those that its cookies have, in their order. */
  readonly presented: readonly Unsealed[]
  /** The cookie's value for the session as it is now; undefined where the client must keep what it has. */
  readonly seal: (id: SessionId) => Promise<string | undefined>
}

/** Undefined for a store that keeps its sessions. */
export function carrierOf(store: SessionStore): CarriedStore['carrier'] | undefined {
  return (store as Partial<CarriedStore>).carrier
}
