/** What the process that starts workers and the workers say to each other. All of it is JSON. */
import type { Entrance } from '../clients/client-listeners.ts'
import type { DecisionKind } from '../telemetry/decisions.ts'
import type { Update } from '../upstreams/followers.ts'

export type Question =
  | { readonly what: 'upstreams' | 'metrics' }
  | { readonly what: 'decisions'; readonly limit: number; readonly kind: DecisionKind | undefined }
  | { readonly what: 'apply'; readonly update: Update }

export type ToWorker =
  | { readonly type: 'start'; readonly update: Update }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  /** Another worker ejected the upstream at this URL. */
  | { readonly type: 'suspect'; readonly url: string }
  /** With the socket. */
  | { readonly type: 'connection'; readonly slot: number; readonly entrance: Entrance }
  | { readonly type: 'stop' }

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly fault?: string }
  | { readonly type: 'ejected'; readonly url: string }
  /** How many connections it took since it last said so, and the slots of those that are closed. */
  | { readonly type: 'connections'; readonly took: number; readonly closed: readonly number[] }
  | { readonly type: 'departed'; readonly url: string; readonly since: number }
