import { LOGGED_OUT } from '@ninelives/history'
import type { Reply } from './client.ts'

/** How an operation ended. `failed` means provably not applied; in doubt it is `unknown`. */
export type Outcome =
  | { readonly end: 'ok'; readonly body: unknown }
  | { readonly end: 'failed' | 'unknown'; readonly kind: string }

/** Our balancer's codes for a request that it sent to no node. */
const NOT_SENT_ON = 'UNAVAILABLE'

const CONFLICT = 409
/** The only conflict that proves that nothing was written. Others may be due to an earlier attempt of the same request. */
const GAVE_UP = 'SESSION_CONFLICT'

/** A longer text, or one with other characters, is prose and no code. */
const CODE = /^[\w.:-]{1,60}$/

/** `changes`: the operation writes, so without an answer its effect is unknown. */
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

/** Whether the answer proves that nothing was done. */
function isRefused(status: number, code: string | undefined): boolean {
  if (status === CONFLICT) return code === GAVE_UP
  return status < 500 || (status === 503 && code === NOT_SENT_ON)
}

function errorCode(body: unknown): string | undefined {
  const { error } = (body ?? {}) as { error?: { code?: unknown } }
  return typeof error?.code === 'string' && CODE.test(error.code) ? error.code : undefined
}
