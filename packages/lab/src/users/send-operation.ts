/** Sends one operation, and records when it was sent and when it ended. */
import { LOGGED_OUT, type OperationKind } from '@ninelives/history'
import { readShop, type ShopAnswer } from './answer.ts'
import type { Call, Client } from './client.ts'
import type { CookieJar } from './cookie-jar.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import type { Recorder } from './recorder.ts'

export interface Question {
  readonly user: string
  readonly visit: number
  readonly tab: number
  readonly kind: OperationKind
  readonly call: Call
  /** Cookies are taken from it and stored in it. */
  readonly jar: CookieJar
  readonly sku?: string
  /** The node that is asked directly. */
  readonly node?: string
  readonly dueAtMs: number
  readonly lateMs: number
  /** The prefix of idempotency keys; without it none are sent. */
  readonly keyed?: string
}

export interface Answered {
  readonly outcome: Outcome
  /** The node that answered. */
  readonly node: string | undefined
  readonly answer: ShopAnswer
  readonly sentAtMs: number
  readonly endedAtMs: number
}

const LOGIN_REFUSED = 'login refused'
const NO_ANSWER = { node: undefined, body: undefined, attempts: undefined }

export async function ask(recorder: Recorder, client: Pick<Client, 'call'>, question: Question): Promise<Answered> {
  const { call, jar, keyed, ...about } = question
  const { kind } = about
  const op = recorder.sent({ ...about, ...sessionOf(jar) })
  const sentAtMs = recorder.now()
  const changes = call.method !== 'GET'
  const sent = changes && keyed !== undefined ? { ...call, idempotencyKey: `${keyed}-${op}` } : call
  const reply = await client.call(sent, jar)

  const { node, body, attempts } = reply.end === 'answered' ? reply : NO_ANSWER
  const outcome = asWished(outcomeOf(reply, changes), kind)
  const answer = outcome.end === 'ok' ? readShop(body) : {}
  const endedAtMs = recorder.ended(op, {
    outcome: outcome.end,
    ...(outcome.end === 'ok' ? {} : { why: outcome.kind }),
    ...(node === undefined ? {} : { node }),
    ...(attempts === undefined ? {} : { attempts }),
    ...sessionOf(jar),
    ...answer,
  })
  return { outcome, node, answer, sentAtMs, endedAtMs }
}

function sessionOf(jar: CookieJar): { session?: string } {
  const session = jar.fingerprint()
  return session === undefined ? {} : { session }
}

/** `return` and `forge` expect a refusal; and a refused login is no logout. */
function asWished(outcome: Outcome, kind: OperationKind): Outcome {
  if (outcome.end !== 'failed' || outcome.kind !== LOGGED_OUT) return outcome
  if (kind === 'return' || kind === 'forge') return { end: 'ok', body: undefined }
  return kind === 'login' ? { end: 'failed', kind: LOGIN_REFUSED } : outcome
}
