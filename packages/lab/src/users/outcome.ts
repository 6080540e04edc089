import { LOGGED_OUT } from '@ninelives/history'
import type { Reply } from './client.ts'

/** How an operation ended: exactly one of the three. `failed` means provably not applied; in doubt it is `unknown`. */
export type Outcome =
  | { readonly end: 'ok'; readonly body: unknown }
  | { readonly end: 'failed' | 'unknown'; readonly kind: string }

/** What a balancer of ours says when it found no node to send the request to. */
const NOT_SENT_ON = 'UNAVAILABLE'

const CONFLICT = 409
/** The one conflict that says that nothing was written. Others may tell of a first try of the same request. */
const GAVE_UP = 'SESSION_CONFLICT'

/** What is longer, or has anything else in it, is no code but somebody's prose. */
const CODE = /^[\w.:-]{1,60}$/

/** `changes`: the operation changes something, so a lost answer leaves open whether it did. */
export function outcomeOf(reply: Reply, changes: boolean): Outcome {
  if (reply.end === 'unsent') return { end: 'failed', kind: reply.kind }
  if (reply.end === 'broken') return { end: changes ? 'unknown' : 'failed', kind: reply.kind }
  const { status, body } = reply
  if (status >= 200 && status < 300) return { end: 'ok', body }
  if (status === 401) return { end: 'failed', kind: LOGGED_OUT }
  const code = errorCode(body)
  const kind = code === undefined ? String(status) : `${status} ${code}`
  return { end: isRefused(status, code) || !changes ? 'failed' : 'unknown', kind }
}

/** Whether it says that nothing was done. */
function isRefused(status: number, code: string | undefined): boolean {
  if (status === CONFLICT) return code === GAVE_UP
  return status < 500 || (status === 503 && code === NOT_SENT_ON)
}

function errorCode(body: unknown): string | undefined {
  const { error } = (body ?? {}) as { error?: { code?: unknown } }
  return typeof error?.code === 'string' && CODE.test(error.code) ? error.code : undefined
}
