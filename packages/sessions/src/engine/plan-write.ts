/**
 * Plans a write from the stored session. Synchronous, and never calls the store: a commit plans, tries the write, and after a conflict
 * plans again on what another request wrote.
 */
import type { EngineContext } from '../context/engine-context.ts'
import { SessionGoneError } from '../errors.ts'
import type { Answer, Remembered } from '../idempotency/answers.ts'
import {
  answeredBefore,
  doneBefore,
  findRemembered,
  keptResult,
  type KeyedStep,
  remembering,
} from '../idempotency/steps.ts'
import { type BearerStatus, isUnconfirmed } from '../record/bearer-status.ts'
import { assertFits, decodeData, EMPTY_DATA, encodeData, type SessionData } from '../record/data.ts'
import { isNoteDue } from '../record/expiry.ts'
import { merge } from '../record/merge.ts'
import type { Snapshot } from '../record/record.ts'
import { secretDigest, type UserTag, userTag } from '../secrets/id.ts'
import { type NextSnapshot, nextSnapshot } from './next-snapshot.ts'
import type { NextWrite } from './next-write.ts'
import { textOf, type Transform, type Transformed, unchanged } from './transform.ts'

/** What this copy of a request has stored under its key, and whose session it was then. */
export interface OwnEntry {
  readonly entry: Remembered
  readonly user: UserTag | undefined
}

export interface WriteIntent<T> {
  readonly transform: Transform<T>
  /** Where the request carries an idempotency key. */
  readonly step: KeyedStep | undefined
  readonly ownEntry: OwnEntry | undefined
  readonly answering: Answering<T> | undefined
  /** The write only notes a use of the session, or drops idempotency keys that are past their time. */
  readonly upkeep: Upkeep | undefined
  /** What the request wants beside the data. */
  readonly wants: NextWrite
  /** The status of the request's id. */
  readonly status: BearerStatus
  /** An earlier write of this request rotated the id. */
  readonly hasRotated: boolean
  /** Its secret was made by this request, and has not come back from the client. */
  readonly isSecretNew: boolean
  /** The secret of a session that is new, and the one to rotate to. */
  readonly secret: string
  readonly nextSecret: () => string
}

/**
 * Makes the answer of the request from what the write makes of the session, so that both are one write. Undefined for an answer that is
 * not to be kept. Called for each attempt.
 */
export type Answering<T> = (data: SessionData, result: T, version: number) => Answer | undefined

export type Upkeep = 'note-use' | 'forget-keys'

export type WritePlan<T> =
  | WriteNothing<T>
  | WriteNext<T>
  /** The login of another user than the session's: it gets a new session, for which the commit plans again. */
  | { readonly kind: 'another-session' }

interface WriteNothing<T> {
  readonly kind: 'nothing'
  readonly result: T
  /** Where this very request was answered before. */
  readonly answer?: Answer
  readonly isReadmitted: boolean
}

interface WriteNext<T> {
  readonly kind: 'write'
  readonly next: NextSnapshot
  readonly result: T
  /** What the request is answered, where that is stored with it. */
  readonly answer: Answer | undefined
  /** The user of the session from this write on; the caller reads that user's current epoch. */
  readonly newUser: UserTag | undefined
  /** What is stored of a keyed request. */
  readonly ownEntry: Remembered | undefined
  /** How many idempotency keys are forgotten before their time. */
  readonly keysForgotten: number
  /** The bearer had lost its right to the session, and gets it back by a login of the same user. */
  readonly isReadmitted: boolean
}

export function planWrite<T>(
  current: Snapshot | undefined,
  {
    transform,
    step: asked,
    ownEntry,
    answering,
    upkeep,
    wants,
    status,
    hasRotated,
    isSecretNew,
    secret,
    nextSecret,
  }: WriteIntent<T>,
  context: EngineContext,
  nowMs: number,
): WritePlan<T> {
  const isReadmitted = status === 'superseded'
  const login = isReadmitted ? loginAgain(current, transform, context) : undefined
  if (login === 'as-another-user') return { kind: 'another-session' }

  const currentText = textOf(current)
  // Another user's login leaves but a digest of it. Where a digest is left for want of room, another copy may have gone on meanwhile.
  const own = ownEntry !== undefined && ownEntry.user !== current?.body.user ? ownEntry.entry : undefined
  const remembered = asked && findRemembered(current, asked, nowMs, own)
  const answer = asked && answeredBefore(remembered, asked)
  if (asked && remembered && answer !== undefined) {
    const { result } = keptResult(remembered, asked) ?? login ?? transform(currentText)
    return { kind: 'nothing', result: result as T, answer, isReadmitted }
  }
  const done = asked && doneBefore(remembered, asked)
  const transformed = done ? { ...unchanged(currentText), result: done.result as T } : (login ?? transform(currentText))
  const { data, dataText, result } = transformed
  const isSame = dataText === currentText
  const made = answering?.(data, result, (current?.version ?? 0) + (isSame ? 0 : 1))
  const step = asked && made !== undefined && asked.isClients ? { ...asked, answer: made } : asked

  const name = context.userOf(data)
  const user = name === undefined ? undefined : userTag(name)
  const changesUser = user !== current?.body.user
  const isAliasChange = context.aliasesRotate && status === 'alias' && dataText !== currentText
  const rotate = wants.rotates || isReadmitted || isAliasChange
  const confirmed = current !== undefined && status === 'current' && !isSecretNew && isUnconfirmed(current.body)
  const memory =
    step && !done
      ? remembering(current, { remembered, step, result, user, rotates: rotate || hasRotated }, context, nowMs)
      : undefined
  const next = nextSnapshot(
    current,
    {
      dataText,
      user,
      epoch: changesUser ? 0 : (current?.body.epoch ?? 0),
      answersText: memory?.text,
      forgetsKeys: upkeep === 'forget-keys',
      rotate,
      confirmed,
      maxAgeMs: wants.maxAgeMs,
      nextDigest: () => secretDigest(current === undefined ? secret : nextSecret()),
    },
    context,
    nowMs,
  )

  const isWanted = rotate || wants.isDue(current)
  const isUpkeepDue =
    upkeep === 'forget-keys' || (upkeep === 'note-use' && current !== undefined && isNoteDue(current, context, nowMs))
  const isChange =
    dataText !== currentText || next.rotated || confirmed || isWanted || isUpkeepDue || step?.isMark === true
  const isKept = current !== undefined || user !== undefined || isWanted || context.visitors.isWorthKeeping(data)
  if (!isChange || !isKept) return { kind: 'nothing', result, isReadmitted }
  assertFits(data, dataText, context.dataBytesMax)
  const newUser = changesUser ? user : undefined
  return {
    kind: 'write',
    next,
    result,
    answer: done ? undefined : step?.answer,
    newUser,
    ownEntry: memory?.entry,
    keysForgotten: memory?.forgotten ?? 0,
    isReadmitted,
  }
}

/**
 * The change of a superseded bearer, which has the id from before a login. It sees nothing of the session, and may only log in as the
 * session's own user. So a client that missed the answer to its login can send it again with the former id, and must pass the same check
 * of its password. Throws SessionGoneError for any other change.
 */
function loginAgain<T>(
  current: Snapshot | undefined,
  transform: Transform<T>,
  { userOf, resolvers }: EngineContext,
): Transformed<T> | 'as-another-user' {
  const { data: mine, result } = transform(EMPTY_DATA)
  const user = userOf(mine)
  if (user === undefined) throw new SessionGoneError()
  if (userTag(user) !== current?.body.user) return 'as-another-user'
  const data = merge({}, mine, decodeData(textOf(current)), resolvers)
  return { data, dataText: encodeData(data), result }
}
