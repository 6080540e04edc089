/**
 * Tells every node which sessions have ended, so that each closes their sockets. The subjects stand in one record of the store, the latest
 * last, and each node that has sockets reads it every 100 ms: any store can do that, and what it costs does not depend on how many
 * sockets there are. A subject is the key of a session or of a user's list of sessions; what became of it says its own record.
 *
 * A node tells before it acknowledges the end. A reader that has missed a subject, because it was cut off for too long or the record was
 * lost, is told that any session may have ended.
 */
import type { Clock } from '../clock.ts'
import type { SessionKey, SessionRecord, SessionStore } from '../contract.ts'
import { SessionConflictError, SessionError } from '../errors.ts'
import { auxiliaryKey } from '../secrets/id.ts'

/** Without a subject any session may have ended. `toldAtMs`: by the clock of the node that told it. */
export type OnEnded = (subject: SessionKey | undefined, toldAtMs?: number) => void

export interface EndedFeed {
  /** Resolves when the store has it, or has failed: then it is told later. Never rejects: the session has ended already. */
  tell(subject: SessionKey): Promise<void>
  /** Begins to read. Resolves when no later end is missed; rejects if the store is out. */
  watch(): Promise<void>
  /** Any session may have ended: that is told once the store answers again. */
  doubt(): void
  /** Nothing is read until the next `watch`. */
  rest(): void
}

export interface FeedOptions {
  readonly store: SessionStore
  readonly clock: Clock
  readonly onEnded: OnEnded
  /** Subjects can't be told to the other nodes for now. Called once for each outage. */
  readonly onFailed: () => void
}

const FEED_KEY = auxiliaryKey('ended sessions')
const POLL_MS = 100
/** Longer than readers are away as a rule. */
const KEPT_MS = 30_000
const SUBJECTS_MAX = 2_000
const RECORD_MS = 24 * 60 * 60_000
const ATTEMPTS_MAX = 32
/** After the store has failed. */
const TELL_AGAIN_MS = 500

interface Feed {
  /** The number of the last subject. */
  readonly last: number
  /** With when each was told. */
  readonly told: readonly (readonly [subject: SessionKey, atMs: number])[]
}

export function endedFeed({ store, clock, onEnded, onFailed }: FeedOptions): EndedFeed {
  const isShared = store.capabilities.shared === 'held'
  let untold: SessionKey[] = []
  let telling: Promise<void> | undefined
  let tellingAgain: NodeJS.Timeout | undefined
  let isFailing = false
  /** The last number that was read; undefined while nothing is. */
  let last: number | undefined
  /** What stood there then. Two records may have the same version, when one was lost and begun anew. */
  let body: string | undefined
  let isInDoubt = false
  let timer: NodeJS.Timeout | undefined
  let starting: Promise<void> | undefined

  const append = async (subjects: readonly SessionKey[]): Promise<void> => {
    let record = await store.read(FEED_KEY)
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const nowMs = clock.now()
      const { last, told } = feedIn(record) ?? { last: nowMs, told: [] }
      const recent = told.filter(([, atMs]) => atMs > nowMs - KEPT_MS)
      const added = subjects.map((subject) => [subject, nowMs] as const)
      const feed: Feed = { last: last + subjects.length, told: [...recent, ...added].slice(-SUBJECTS_MAX) }
      const expiresAtMs = nowMs + RECORD_MS
      const result = await store.write(FEED_KEY, {
        expectedVersion: record?.version ?? 0,
        expiresAtMs,
        body: JSON.stringify(feed),
      })
      if (result.status === 'written') return
      record = result.status === 'conflict' ? result.current : undefined
    }
    throw new SessionConflictError(ATTEMPTS_MAX, undefined, undefined)
  }

  /** All that came meanwhile go together. */
  const flush = async (): Promise<void> => {
    while (untold.length > 0) {
      const subjects = untold
      untold = []
      try {
        await append(subjects)
        isFailing = false
      } catch (error) {
        if (!(error instanceof SessionError)) throw error
        if (!isFailing) onFailed()
        isFailing = true
        untold = [...subjects, ...untold].slice(-SUBJECTS_MAX)
        tellLater()
        break
      }
    }
    telling = undefined
  }

  const tellLater = (): void => {
    tellingAgain ??= setTimeout(() => {
      tellingAgain = undefined
      telling ??= flush()
    }, TELL_AGAIN_MS).unref()
  }

  const read = async (): Promise<void> => {
    const record = await store.read(FEED_KEY)
    if (isInDoubt) {
      isInDoubt = false
      onEnded(undefined)
    }
    if (record !== undefined && record.body === body) return
    body = record?.body
    const feed = feedIn(record) ?? { last: 0, told: [] }
    const before = last
    last = feed.last
    if (before === undefined || feed.last === before) return
    const news = before === 0 ? feed.told.length : feed.last - before
    // Negative or too many with a record that was lost and begun anew.
    if (news < 0 || news > feed.told.length) return onEnded(undefined)
    for (const [subject, atMs] of feed.told.slice(-news)) onEnded(subject, atMs)
  }

  const poll = async (): Promise<void> => {
    const own = timer
    try {
      await read()
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      isInDoubt = true
    }
    // It may have been told to rest, and to watch again, meanwhile.
    if (own !== undefined && timer === own) pollLater()
  }

  const pollLater = (): void => {
    timer = setTimeout(() => void poll(), POLL_MS)
  }

  const start = async (): Promise<void> => {
    await read()
    pollLater()
  }

  return {
    async tell(subject) {
      onEnded(subject, clock.now())
      if (!isShared) return
      untold.push(subject)
      telling ??= flush()
      await telling
    },

    async watch() {
      if (timer !== undefined || !isShared) return
      starting ??= start().finally(() => (starting = undefined))
      await starting
    },

    doubt() {
      isInDoubt = true
    },

    rest() {
      clearTimeout(timer)
      timer = undefined
      last = undefined
      body = undefined
      isInDoubt = false
    },
  }
}

/** Undefined for a record that is absent or damaged. */
function feedIn(record: SessionRecord | undefined): Feed | undefined {
  if (record === undefined) return undefined
  try {
    return JSON.parse(record.body) as Feed
  } catch {
    return undefined
  }
}
