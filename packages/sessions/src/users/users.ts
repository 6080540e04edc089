/**
 * A user's sessions across all nodes: to list them, to end one, all others, or all.
 *
 * The list is an index beside the sessions and may be wrong about them: a node that dies between the two writes of a login
 * leaves an entry behind for a session that is another user's by now. So an entry is only a place to look. Whose session it
 * is says the session's own record, which is read at every use, and an entry that is wrong is taken out.
 */
import type { SessionKey, SessionRecord } from '../contract.ts'
import { EMPTY_DATA } from '../record/data.ts'
import type { EngineContext } from '../context/engine-context.ts'
import { RecordUnreadableError, SessionConflictError, SessionError } from '../errors.ts'
import type { SessionEnd } from '../observability/session-counts.ts'
import { lastUseAtMs } from '../record/expiry.ts'
import { newSecret, secretDigest, sessionRef, type UserTag, userTag } from '../secrets/id.ts'
import { checkedOptions, checkedValue, take } from '../options.ts'
import { type Body, decodeBody, encodeBody } from '../record/record.ts'
import {
  decodeIndex,
  EMPTY_INDEX,
  encodeIndex,
  indexKey,
  isCurrent,
  isListed,
  type ListedSession,
  type UserIndex,
  withNextEpoch,
  withoutSessions,
  withSession,
} from './user-index.ts'

export interface UserSession {
  /** To end it by. It does not give access to the session. */
  readonly id: string
  readonly createdAtMs: number
  readonly lastSeenAtMs: number
  readonly expiresAtMs: number
  /** What the client called itself when it logged in. */
  readonly device: string
  /**
   * Its record is damaged or was written by a newer program: no request can use it here, and it can be ended. `createdAtMs`
   * is then when the user logged in, and `lastSeenAtMs` an estimate.
   */
  readonly unreadable: boolean
}

/** The sessions of a user, by the name that `userOf` gives. */
export interface UsersSessions {
  /** Those that are alive, the latest used first. */
  list(user: string): Promise<readonly UserSession[]>
  /** False when the user has no such session. */
  end(user: string, id: string): Promise<boolean>
  /** Ends every session of the user, or every one but that with the id `except`; also those that no list knows. */
  endAll(user: string, options?: { readonly except?: string | undefined }): Promise<void>
}

export function usersSessions(context: EngineContext): UsersSessions {
  return {
    async list(user) {
      const tag = tagOf(user)
      const index = await readIndex(context, tag)
      const entries = await lookedUp(context, tag, index.sessions)
      await heal(context, tag, entries)
      const alive = entries.flatMap((entry) => summary(context, index, entry))
      return alive.sort((one, other) => other.lastSeenAtMs - one.lastSeenAtMs)
    },

    async end(user, id) {
      const tag = tagOf(user)
      const { sessions } = await readIndex(context, tag)
      const entries = await lookedUp(
        context,
        tag,
        sessions.filter(({ key }) => sessionRef(key) === id),
      )
      const ended = await endTheirs(context, tag, entries, 'revoked')
      await heal(context, tag, entries, ended)
      return ended.length > 0
    },

    async endAll(user, options = {}) {
      const { except } = checkedOptions('users.endAll()', options, { except: take.text })
      const tag = tagOf(user)
      let listed: readonly ListedSession[] = []
      // The epoch alone ends them, so it is the commit. What is ended one by one below commits again.
      context.onStep('before-commit')
      await changeIndex(context, tag, (index) => {
        // Also a session that the list has missed is kept.
        const kept = except as SessionKey | undefined
        listed = index.sessions.filter(({ key }) => key !== kept)
        return withNextEpoch(index, kept)
      })
      context.onStep('after-commit')
      await context.endings.onEnded?.(indexKey(tag))
      // This gives their memory back and stops the requests that still hold them.
      await endTheirs(context, tag, await lookedUp(context, tag, listed), 'revoked')
    },
  }
}

/** What has no name would otherwise count as the user called 'undefined'. */
function tagOf(user: unknown): UserTag {
  return userTag(checkedValue('A user', user, take.text) as string)
}

/** An entry of a user's list, and what its record says of the session. */
type Entry = { readonly listed: ListedSession } & (
  | { readonly status: 'theirs'; readonly record: SessionRecord; readonly body: Body }
  | { readonly status: 'unreadable'; readonly record: SessionRecord }
  /** It has ended, or is not this user's any more. */
  | { readonly status: 'stale' }
)

async function lookedUp(context: EngineContext, user: UserTag, sessions: readonly ListedSession[]): Promise<Entry[]> {
  return await Promise.all(
    sessions.map(async (listed): Promise<Entry> => {
      const record = await context.store.read(listed.key)
      if (record === undefined) return { listed, status: 'stale' }
      try {
        const body = decodeBody(record.body)
        return body.user === user ? { listed, status: 'theirs', record, body } : { listed, status: 'stale' }
      } catch (error) {
        if (!(error instanceof RecordUnreadableError)) throw error
        return { listed, status: 'unreadable', record }
      }
    }),
  )
}

/** Ends the sessions that are still this user's, and those of which nothing else is known. Resolves their keys. */
async function endTheirs(
  context: EngineContext,
  user: UserTag,
  entries: readonly Entry[],
  reason: SessionEnd,
): Promise<SessionKey[]> {
  const ended = await Promise.all(
    entries.map(async (entry) => {
      const isTheirs =
        entry.status === 'theirs' ? await isDisowned(context, user, entry) : entry.status === 'unreadable'
      if (isTheirs) await context.end(entry.listed.key, reason)
      return isTheirs ? [entry.listed.key] : []
    }),
  )
  return ended.flat()
}

/**
 * Takes the user out of a session by compare-and-set, before it is destroyed: a destroy has no version, and would also end the
 * session of another user who logs in over it at that moment. False when the session is another user's by now.
 */
async function isDisowned(
  context: EngineContext,
  user: UserTag,
  { listed, ...found }: { listed: ListedSession; record: SessionRecord; body: Body },
): Promise<boolean> {
  let { record, body } = found
  for (let attempt = 1; attempt <= context.commitAttemptsMax; attempt++) {
    const opensNothing = secretDigest(newSecret(context.random))
    const userless = { ...body, secretDigest: opensNothing, retired: [], user: undefined, answersText: undefined }
    const result = await context.store.write(listed.key, {
      expectedVersion: record.version,
      expiresAtMs: context.clock.now() + context.requestTimeMaxMs,
      body: encodeBody({ ...userless, dataText: EMPTY_DATA }),
    })
    if (result.status !== 'conflict') return true
    record = result.current
    body = decodeBody(record.body)
    if (body.user !== user) return false
    await context.backOff(attempt)
  }
  throw new SessionConflictError(context.commitAttemptsMax, undefined, undefined)
}

/** Takes stale entries out of the list, and those of sessions that were just `ended`. That this failed is no reason to fail. */
async function heal(
  context: EngineContext,
  user: UserTag,
  entries: readonly Entry[],
  ended: readonly SessionKey[] = [],
): Promise<void> {
  const stale = entries.filter(({ status }) => status === 'stale').map(({ listed }) => listed.key)
  if (stale.length + ended.length === 0) return
  await isDone(context, () => unlist(context, user, [...stale, ...ended]))
}

export async function readIndex(context: EngineContext, user: UserTag): Promise<UserIndex> {
  const record = await context.store.read(indexKey(user))
  return record === undefined ? EMPTY_INDEX : decodeIndex(record.body)
}

/**
 * Moves a session from one user's list to another's. False when that failed, which is no reason for a request to fail: the
 * lists heal.
 */
export async function isRelisted(
  context: EngineContext,
  key: SessionKey,
  device: string,
  { from, to }: { readonly from: UserTag | undefined; readonly to: UserTag | undefined },
): Promise<boolean> {
  return await isDone(context, async () => {
    if (from !== undefined) await unlist(context, from, [key])
    if (to !== undefined) await list(context, to, key, device)
  })
}

/** Runs a change of a list that the request does not depend on. */
async function isDone(context: EngineContext, change: () => Promise<void>): Promise<boolean> {
  try {
    await change()
    return true
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    context.onEvent({ event: 'index-failed' })
    return false
  }
}

/** Lists a session, and ends the oldest of those over the cap. */
async function list(context: EngineContext, user: UserTag, key: SessionKey, device: string): Promise<void> {
  const nowMs = context.clock.now()
  const session = { key, sinceMs: nowMs, device }
  const { sessions } = await readIndex(context, user)
  // Stale entries must not push out a session that is in use.
  if (sessions.length >= context.sessionsPerUserMax) await heal(context, user, await lookedUp(context, user, sessions))
  let dropped: readonly ListedSession[] = []
  await changeIndex(context, user, (index) => {
    if (isListed(index, key)) return index
    const next = withSession(index, session, context.sessionsPerUserMax, nowMs - context.absoluteTimeoutMs)
    dropped = index.sessions.filter((each) => !isListed(next, each.key))
    return next
  })
  if (dropped.length > 0) await endTheirs(context, user, await lookedUp(context, user, dropped), 'too-many')
}

async function unlist(context: EngineContext, user: UserTag, keys: readonly SessionKey[]): Promise<void> {
  const leaving = new Set(keys)
  await changeIndex(context, user, (index) => {
    return index.sessions.some(({ key }) => leaving.has(key)) ? withoutSessions(index, leaving) : index
  })
}

/** `change` may run again when another node was faster; giving back what it was given writes nothing. */
async function changeIndex(
  context: EngineContext,
  user: UserTag,
  change: (index: UserIndex) => UserIndex,
): Promise<void> {
  const { store, clock, absoluteTimeoutMs, requestTimeMaxMs, commitAttemptsMax, endingsKeptUntilMs } = context
  const key = indexKey(user)
  let record = await store.read(key)
  for (let attempt = 1; attempt <= commitAttemptsMax; attempt++) {
    const index = record === undefined ? EMPTY_INDEX : decodeIndex(record.body)
    const next = change(index)
    if (next === index) return
    const result = await store.write(key, {
      expectedVersion: record?.version ?? 0,
      // As long as the youngest session can live: an epoch that was forgotten earlier would let ended ones back.
      expiresAtMs: Math.max(
        clock.now() + absoluteTimeoutMs + requestTimeMaxMs,
        next.epoch === EMPTY_INDEX.epoch ? 0 : endingsKeptUntilMs,
      ),
      body: encodeIndex(next),
    })
    if (result.status === 'written') return
    record = result.status === 'conflict' ? result.current : undefined
    await context.backOff(attempt)
  }
  throw new SessionConflictError(commitAttemptsMax, undefined, undefined)
}

function summary(context: EngineContext, index: UserIndex, entry: Entry): UserSession[] {
  if (entry.status === 'stale') return []
  const { listed, record } = entry
  const id = sessionRef(listed.key)
  const { device } = listed
  const { expiresAtMs } = record
  const nowMs = context.clock.now()
  if (entry.status === 'unreadable') {
    const lastSeenAtMs = Math.min(expiresAtMs - context.idleTimeoutMs, nowMs)
    return [{ id, createdAtMs: listed.sinceMs, lastSeenAtMs, expiresAtMs, device, unreadable: true }]
  }
  const { body } = entry
  if (!isCurrent(index, listed.key, body.epoch)) return []
  const seenAtMs = Math.min(lastUseAtMs({ expiresAtMs, body }, context), nowMs)
  return [{ id, createdAtMs: body.createdAtMs, lastSeenAtMs: seenAtMs, expiresAtMs, device, unreadable: false }]
}
