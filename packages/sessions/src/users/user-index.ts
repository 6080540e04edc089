/**
 * The sessions of one user, as a record of their own beside them: pure transitions on it and its text.
 *
 * What makes "end all" certain is not the list but the *epoch*: a session remembers the epoch it was begun in, and is over
 * when the user's has moved on, whether or not the list knew it. The list is for people to look at. It may miss a session
 * for a moment (a node died between two writes) and then heals, because every request reads it beside its session and adds
 * itself where it is missing.
 */
import type { SessionKey, SessionRecord } from '../contract.ts'
import { RecordUnreadableError } from '../errors.ts'
import type { Body } from '../record/record.ts'
import type { UserTag } from '../secrets/id.ts'

export interface ListedSession {
  readonly key: SessionKey
  /** When this user got it. */
  readonly sinceMs: number
  /** What the client called itself. */
  readonly device: string
}

export interface UserIndex {
  readonly epoch: number
  /** Of an earlier epoch, and yet not over: the one from which the others were ended. */
  readonly kept: SessionKey | undefined
  /** Oldest first. */
  readonly sessions: readonly ListedSession[]
}

export const EMPTY_INDEX: UserIndex = { epoch: 0, kept: undefined, sessions: [] }

const SCHEMA = 1
const DEVICE_LENGTH_MAX = 200

/** The tag is a hash already. */
export function indexKey(user: UserTag): SessionKey {
  return `~u${user}` as SessionKey
}

/** Whether a session that was begun in `epoch` goes on. */
export function isCurrent(index: UserIndex, key: SessionKey, epoch: number): boolean {
  return epoch >= index.epoch || index.kept === key
}

/** Runs `decode`, and reports its failure once for each key. */
export type Reporting = <T>(key: SessionKey, decode: () => T) => T

/** What a request must know of its user's sessions. */
export interface Membership {
  readonly isCurrent: boolean
  readonly isListed: boolean
}

const MEMBER: Membership = { isCurrent: true, isListed: true }
const NOT_YET_LISTED: Membership = { isCurrent: true, isListed: false }

/**
 * Of a session in the record of its user, if there is one. Every request asks, so the usual answer is told from the text, in
 * which a quote inside of a value is escaped and no device can pass for an entry.
 */
export function membership(
  record: SessionRecord | undefined,
  key: SessionKey,
  { user, epoch }: Pick<Body, 'user' | 'epoch'>,
  reporting: Reporting,
): Membership {
  if (user === undefined) return MEMBER
  if (record === undefined) return NOT_YET_LISTED
  const text = record.body
  if (text.startsWith(`{"s":${SCHEMA},"e":${epoch},`) && text.includes(`["${key}",`)) return MEMBER
  const index = reporting(indexKey(user), () => decodeIndex(text))
  return { isCurrent: isCurrent(index, key, epoch), isListed: isListed(index, key) }
}

export function isListed(index: UserIndex, key: SessionKey): boolean {
  return index.sessions.some((each) => each.key === key)
}

/** With one more session, without those begun before `oldestMs`, and with at most `max` of them: the oldest go. */
export function withSession(index: UserIndex, session: ListedSession, max: number, oldestMs: number): UserIndex {
  const others = index.sessions.filter((each) => each.key !== session.key && each.sinceMs >= oldestMs)
  const device = session.device.slice(0, DEVICE_LENGTH_MAX)
  return { ...index, sessions: [...others, { ...session, device }].slice(-max) }
}

export function withoutSessions(index: UserIndex, keys: ReadonlySet<SessionKey>): UserIndex {
  return { ...index, sessions: index.sessions.filter(({ key }) => !keys.has(key)) }
}

/** All of them are over, but for the one to keep. */
export function withNextEpoch(index: UserIndex, kept: SessionKey | undefined): UserIndex {
  return { epoch: index.epoch + 1, kept, sessions: index.sessions.filter(({ key }) => key === kept) }
}

type Packed = [key: SessionKey, sinceMs: number, device: string]

export function encodeIndex({ epoch, kept, sessions }: UserIndex): string {
  const packed = sessions.map(({ key, sinceMs, device }): Packed => [key, sinceMs, device])
  return JSON.stringify({ s: SCHEMA, e: epoch, k: kept, l: packed })
}

export function decodeIndex(text: string): UserIndex {
  const parsed = parse(text)
  if (parsed.s !== SCHEMA || typeof parsed.e !== 'number' || !Array.isArray(parsed.l)) {
    throw new RecordUnreadableError("it is no list of a user's sessions that this program knows")
  }
  const sessions = parsed.l.map(([key, sinceMs, device]): ListedSession => ({ key, sinceMs, device }))
  return { epoch: parsed.e, kept: parsed.k, sessions }
}

function parse(text: string): { s?: unknown; e?: unknown; k?: SessionKey; l?: Packed[] } {
  try {
    return JSON.parse(text) as ReturnType<typeof parse>
  } catch (cause) {
    throw new RecordUnreadableError('it is not JSON', cause)
  }
}
