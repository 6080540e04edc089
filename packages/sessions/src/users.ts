/** A user's sessions across all nodes: to list them, to end one, all others, or all. */
import type { SessionKey, SessionRecord } from './contract.ts'
import type { Engine } from './engine.ts'
import { SessionConflictError } from './errors.ts'
import { decodeBody, type UserTag, userTag } from './record.ts'
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
  /** To end it by; it does not let anybody use the session. */
  readonly id: string
  readonly createdAtMs: number
  readonly lastSeenAtMs: number
  readonly expiresAtMs: number
  /** What the client called itself when it logged in. */
  readonly device: string
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

/** The key itself: a hash that names a session and opens nothing. */
export function sessionRef(key: SessionKey): string {
  return key
}

export function usersSessions(engine: Engine): UsersSessions {
  return {
    async list(user) {
      const tag = userTag(user)
      const index = await readIndex(engine, tag)
      const { sessions } = index
      const records = await Promise.all(sessions.map(({ key }) => engine.store.read(key)))
      const alive = sessions.flatMap((listed, at) => summary(engine, index, listed, records[at]))
      return alive.sort((one, other) => other.lastSeenAtMs - one.lastSeenAtMs)
    },

    async end(user, id) {
      const tag = userTag(user)
      const { sessions } = await readIndex(engine, tag)
      const listed = sessions.find(({ key }) => sessionRef(key) === id)
      if (listed === undefined) return false
      await engine.end(listed.key)
      await unlist(engine, tag, [listed.key])
      return true
    },

    async endAll(user, { except } = {}) {
      let ended: readonly ListedSession[] = []
      // The epoch alone ends them, so it is the commit. What is ended one by one below commits again.
      engine.onStep('before-commit')
      await changeIndex(engine, userTag(user), (index) => {
        // Also a session that the list has missed is kept.
        const kept = except as SessionKey | undefined
        ended = index.sessions.filter(({ key }) => key !== kept)
        return withNextEpoch(index, kept)
      })
      engine.onStep('after-commit')
      // This gives their memory back and stops the requests that still hold them.
      await Promise.all(ended.map(({ key }) => engine.end(key)))
    },
  }
}

export async function readIndex(engine: Engine, user: UserTag): Promise<UserIndex> {
  const record = await engine.store.read(indexKey(user))
  return record === undefined ? EMPTY_INDEX : decodeIndex(record.body)
}

/** Lists a session, and ends the oldest of those over the cap. */
export async function list(engine: Engine, user: UserTag, key: SessionKey, device: string): Promise<void> {
  const nowMs = engine.clock.now()
  const session = { key, sinceMs: nowMs, device }
  const { sessions } = await readIndex(engine, user)
  // Those that ended by themselves are still listed; they must not push out one that is in use.
  if (sessions.length >= engine.sessionsPerUserMax) await unlist(engine, user, await ended(engine, sessions))
  let dropped: readonly ListedSession[] = []
  await changeIndex(engine, user, (index) => {
    if (isListed(index, key)) return index
    const next = withSession(index, session, engine.sessionsPerUserMax, nowMs - engine.absoluteTimeoutMs)
    dropped = index.sessions.filter((each) => !isListed(next, each.key))
    return next
  })
  await Promise.all(dropped.map((each) => engine.end(each.key)))
}

export async function unlist(engine: Engine, user: UserTag, keys: readonly SessionKey[]): Promise<void> {
  const leaving = new Set(keys)
  await changeIndex(engine, user, (index) => {
    return index.sessions.some(({ key }) => leaving.has(key)) ? withoutSessions(index, leaving) : index
  })
}

/** `change` may run again when another node was faster; giving back what it was given writes nothing. */
async function changeIndex(engine: Engine, user: UserTag, change: (index: UserIndex) => UserIndex): Promise<void> {
  const { store, clock, absoluteTimeoutMs, commitAttemptsMax } = engine
  const key = indexKey(user)
  let record = await store.read(key)
  for (let attempt = 1; attempt <= commitAttemptsMax; attempt++) {
    const index = record === undefined ? EMPTY_INDEX : decodeIndex(record.body)
    const next = change(index)
    if (next === index) return
    const result = await store.write(key, {
      expectedVersion: record?.version ?? 0,
      // As long as the youngest session can live: an epoch that was forgotten earlier would let ended ones back.
      expiresAtMs: clock.now() + absoluteTimeoutMs + engine.requestTimeMaxMs,
      body: encodeIndex(next),
    })
    if (result.status === 'written') return
    record = result.status === 'conflict' ? result.current : undefined
    await engine.backOff(attempt)
  }
  throw new SessionConflictError(commitAttemptsMax, undefined, undefined)
}

async function ended(engine: Engine, sessions: readonly ListedSession[]): Promise<SessionKey[]> {
  const records = await Promise.all(sessions.map(({ key }) => engine.store.read(key)))
  return sessions.filter((_, at) => records[at] === undefined).map(({ key }) => key)
}

function summary(
  engine: Engine,
  index: UserIndex,
  { key, device }: ListedSession,
  record: SessionRecord | undefined,
): UserSession[] {
  if (record === undefined) return []
  const body = decodeBody(record.body)
  if (!isCurrent(index, key, body.epoch)) return []
  return [
    {
      id: sessionRef(key),
      createdAtMs: body.createdAtMs,
      lastSeenAtMs: Math.min(record.expiresAtMs - engine.idleTimeoutMs, engine.clock.now()),
      expiresAtMs: record.expiresAtMs,
      device,
    },
  ]
}
