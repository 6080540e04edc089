/**
 * The options by which an application watches its sessions, the same for every adapter: callbacks of its own, the metrics of
 * `@ninelives/sessions/metrics` and the spans of `@ninelives/sessions/tracing`. Both are made by modules of their own, so that the
 * packages that they need are loaded only where they are used.
 */
import type { SessionStore } from '../contract.ts'
import { hasMethods, type Rule } from '../options.ts'
import type { StoreCall, StoreVerb } from '../telemetry.ts'
import type { SessionsReport } from './session-counts.ts'

/** What metrics ask of a session layer when they are scraped. */
export interface WatchedLayer {
  readonly report: () => SessionsReport
  readonly store: SessionStore
}

/** See `sessionMetrics()`. */
export interface SessionMetrics {
  /** For every event of the session layer. */
  readonly onEvent: (event: { readonly event: string }) => void
  readonly onStoreCall: (call: StoreCall) => void
  /** Called by the adapter. Throws SessionOptionsError for a second layer. */
  readonly watch: (layer: WatchedLayer) => void
}

/** See `sessionTracing()`. */
export interface SessionTracing {
  /** The request that runs is one of this session. `publicId` gives no access to it. */
  readonly session: (publicId: string) => void
  readonly storeCall: <T>(verb: StoreVerb, store: string, call: () => Promise<T>) => Promise<T>
}

interface Observers {
  readonly onEvent?: (event: never) => void
  readonly onStoreCall?: (call: StoreCall) => void
  readonly metrics?: SessionMetrics
}

export const metricsRule: Rule = {
  takes: 'what sessionMetrics() of @ninelives/sessions/metrics makes',
  accepts: (value) => hasMethods(value, ['onEvent', 'onStoreCall', 'watch']),
}

export const tracingRule: Rule = {
  takes: 'what sessionTracing() of @ninelives/sessions/tracing makes',
  accepts: (value) => hasMethods(value, ['session', 'storeCall']),
}

/** The options with callbacks that tell the metrics as well. */
export function withMetrics<Options extends Observers>(options: Options): Options {
  const { metrics, onEvent, onStoreCall } = options
  if (metrics === undefined) return options
  return { ...options, onEvent: both(metrics.onEvent, onEvent), onStoreCall: both(metrics.onStoreCall, onStoreCall) }
}

function both<T>(one: (told: T) => void, other: ((told: never) => void) | undefined): (told: T) => void {
  if (other === undefined) return one
  return (told) => {
    one(told)
    other(told as never)
  }
}
