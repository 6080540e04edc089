/**
 * Tells every node which sessions have ended, so that each closes their sockets. The subjects stand in one record of the store, the latest
 * last: any store can do that, and what it costs does not depend on how many sockets there are. A subject is the key of a session or of a
 * user's list of sessions; what became of it says its own record.
 *
 * Where the store has notifications, a subject is also sent to all nodes at once, while it is written. A node that listens reads the record
 * every second only, in case a notification was lost. A node that does not listen, has begun to less than a second ago, or has missed a
 * notification, reads it every 100 ms. A node without sockets does neither. Whether another node has opened the store is not asked: even one
 * whose sessions are not shared at once may share this record.
 *
 * A mesh tells its listeners of each loss, and a read keeps its node from being quiet. So a node of it that listens reads the record once after
 * what it was told, and then every 30 s. While a node of the mesh is away for long, it reads every second: what all others tell still comes at once.
 *
 * A node tells before it acknowledges the end. A reader that has missed a subject, because it was cut off for too long or the record was
 * lost, is told that any session may have ended.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { backOff } from '../context/back-off.ts'
import type { NotificationListener, SessionKey, SessionRecord, SessionStore } from '../contract.ts'
import { SessionConflictError, SessionError } from '../errors.ts'
import { auxiliaryKey } from '../secrets/id.ts'

/** Without a subject any session may have ended. `toldAtMs`: by the clock of the node that told it. */
export type OnEnded = (subject: SessionKey | undefined, toldAtMs?: number) => void

export interface EndedFeed {
  /** Ends are known by the store's notifications. False while they are looked for in the record alone: in the first second, and while a link is missing. */
  readonly isNotified: boolean
  /** Resolves when the store has it, or has failed: then it is told later. Never rejects: the session has ended already. */
  tell(subject: SessionKey): Promise<void>
  /** Begins to listen and to read. Resolves when no later end is missed; rejects if the store is out. */
  watch(): Promise<void>
  /** Any session may have ended: that is told once the store answers again. */
  doubt(): void
  /** Nothing is heard or read until the next `watch`. */
  rest(): void
}

export interface FeedOptions {
  readonly store: SessionStore
  readonly clock: Clock
  readonly onEnded: OnEnded
  /** Why subjects can't be told to the other nodes, or those of others can't be read or heard, for now. Called once for each outage, and for each connection that was deaf. */
  readonly onFailed: (error: unknown) => void
}

const FEED_KEY = auxiliaryKey('ended sessions')
const POLL_MS = 100
/** While notifications come. */
const LISTENING_POLL_MS = 1_000
/** While none comes and none is lost. The sessions of all sockets are looked at as often. */
const SELDOM_POLL_MS = 30_000
/** A notification may have gone past before this node listened, while its record was still being written. */
const LISTENING_SINCE_LOOKS = 10
/** A node that restarts is back by then. */
const DEAF_LOOKS = 50
/** Longer than readers are away as a rule. */
const KEPT_MS = 30_000
const SUBJECTS_MAX = 2_000
const RECORD_MS = 24 * 60 * 60_000
const ATTEMPTS_MAX = 32
/** After the store has failed. */
const TELL_AGAIN_MS = 500
const NOTIFICATION = /^(\d+) (\S+)$/

/** With when it was told, and when it came into the record, which may be long after during an outage. */
type Told = readonly [subject: SessionKey, atMs: number, writtenAtMs?: number]

interface Feed {
  /** The number of the last subject. */
  readonly last: number
  readonly told: readonly Told[]
}

export function endedFeed({ store, clock, onEnded, onFailed }: FeedOptions): EndedFeed {
  let untold: Told[] = []
  let telling: Promise<void> | undefined
  let tellingAgain: NodeJS.Timeout | undefined
  let isFailing = false
  let isUnreadable = false
  /** The last number that was read; undefined while nothing is. */
  let last: number | undefined
  /** What stood there then. Two records may have the same version, when one was lost and begun anew. */
  let body: string | undefined
  let isInDoubt = false
  let timer: NodeJS.Timeout | undefined
  /** Of that timer. */
  let pauseMs = POLL_MS
  /** The timer whose look is under way. */
  let looking: NodeJS.Timeout | undefined
  let starting: Promise<void> | undefined
  let listener: NotificationListener | undefined
  /** During how many looks it has listened. */
  let listeningLooks = 0
  /** During how many looks it has not. */
  let deafLooks = 0
  let isToldSinceLook = false
  /** The latest notifications that came, and this node's own. */
  const heard = new Set<string>()
  /** What the last look found in the record and no notification had told. One may have been on its way. */
  let unheard: readonly string[] = []

  const append = async (subjects: readonly Told[]): Promise<void> => {
    let record = await store.read(FEED_KEY)
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const nowMs = clock.now()
      const { last, told } = feedIn(record) ?? { last: nowMs, told: [] }
      const recent = told.filter(([, atMs, writtenAtMs = atMs]) => writtenAtMs > nowMs - KEPT_MS)
      const added = subjects.map(([subject, atMs]): Told => [subject, atMs, nowMs])
      const feed: Feed = { last: last + subjects.length, told: [...recent, ...added].slice(-SUBJECTS_MAX) }
      const expiresAtMs = nowMs + RECORD_MS
      const result = await store.write(FEED_KEY, {
        expectedVersion: record?.version ?? 0,
        expiresAtMs,
        body: JSON.stringify(feed),
      })
      if (result.status === 'written') return
      record = result.status === 'conflict' ? result.current : undefined
      await backOff(attempt, randomBytes)
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
        // Where the record could not be reached, others may not have been either.
        for (const told of subjects) if (clock.now() - told[1] >= TELL_AGAIN_MS) void send(told)
      } catch (error) {
        untold = [...subjects, ...untold].slice(-SUBJECTS_MAX)
        tellLater()
        if (!isFailing) onFailed(error)
        isFailing = true
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

  /** The record tells later what could not be sent. */
  const send = async (told: Told): Promise<void> => {
    const text = notificationOf(told)
    noteHeard(text)
    await store.notifications?.send(text).catch((error: unknown) => {
      if (!(error instanceof SessionError)) onFailed(error)
    })
  }

  const noteHeard = (text: string): void => {
    isToldSinceLook = true
    lookSooner()
    heard.add(text)
    for (const oldest of heard) {
      if (heard.size <= SUBJECTS_MAX) break
      heard.delete(oldest)
    }
  }

  const hear = (text: string): void => {
    const [, atMs, subject] = NOTIFICATION.exec(text) ?? []
    if (subject === undefined) return
    noteHeard(text)
    onEnded(subject as SessionKey, Number(atMs))
  }

  /** Resolves what was told since the last look. */
  const look = async (): Promise<readonly Told[]> => {
    const record = await store.read(FEED_KEY)
    const news = newsIn(record)
    for (const [subject, atMs] of news ?? []) onEnded(subject, atMs)
    if (isInDoubt || news === undefined) onEnded(undefined)
    isInDoubt = false
    return news ?? []
  }

  /** Undefined if it can't be known any more. */
  const newsIn = (record: SessionRecord | undefined): readonly Told[] | undefined => {
    if (record !== undefined && record.body === body) return []
    body = record?.body
    const feed = feedIn(record) ?? { last: 0, told: [] }
    const before = last
    last = feed.last
    if (before === undefined || feed.last === before) return []
    const count = before === 0 ? feed.told.length : feed.last - before
    // Negative or too many with a record that was lost and begun anew.
    return count < 0 || count > feed.told.length ? undefined : feed.told.slice(-count)
  }

  const poll = async (): Promise<void> => {
    const own = timer
    const listenedBefore = hasListened()
    looking = own
    isToldSinceLook = false
    try {
      const news = await look()
      isUnreadable = false
      if (listenedBefore) renewIfDeaf(news)
    } catch (error) {
      isInDoubt = true
      // An outage of the store is told by the store.
      if (!isUnreadable && !(error instanceof SessionError)) onFailed(error)
      isUnreadable = true
    } finally {
      if (looking === own) looking = undefined
    }
    // It may have been told to rest, and to watch again, meanwhile.
    if (own !== undefined && timer === own) pollLater()
  }

  /** A connection may be half open, or a proxy may pass on nothing. */
  const renewIfDeaf = (news: readonly Told[]): void => {
    const isDeaf = unheard.some((text) => !heard.has(text))
    // The notification of one that was written late may have failed with the first try to write it.
    const onTime = news.filter(([, atMs, writtenAtMs = atMs]) => writtenAtMs - atMs < TELL_AGAIN_MS)
    unheard = onTime.map(notificationOf).filter((text) => !heard.has(text))
    if (!isDeaf) return
    listener?.renew()
    onFailed(
      new Error(
        'a notification of the store was lost: this node reconnects, and meanwhile reads the ended sessions from their record every 100 ms',
      ),
    )
  }

  const pollLater = (): void => {
    const isListening = listener?.isListening === true
    listeningLooks = isListening ? listeningLooks + 1 : 0
    deafLooks = isListening ? 0 : deafLooks + 1
    lookIn(nextPauseMs())
  }

  const nextPauseMs = (): number => {
    const tellsLosses = store.notifications?.tellsLosses === true
    if (!hasListened()) return tellsLosses && deafLooks > DEAF_LOOKS ? LISTENING_POLL_MS : POLL_MS
    return tellsLosses && !isToldSinceLook && !isInDoubt ? SELDOM_POLL_MS : LISTENING_POLL_MS
  }

  const lookIn = (ms: number): void => {
    clearTimeout(timer)
    pauseMs = ms
    timer = setTimeout(() => void poll(), ms)
  }

  /** A timer is set, and no look is under way that will set the next one. */
  const isWaiting = (): boolean => timer !== undefined && timer !== looking

  const lookSooner = (): void => {
    if (isWaiting() && pauseMs === SELDOM_POLL_MS) lookIn(LISTENING_POLL_MS)
  }

  /** For long enough that no end is missed. */
  const hasListened = (): boolean => listeningLooks > LISTENING_SINCE_LOOKS

  const lost = (): void => {
    unheard = []
    listeningLooks = 0
    deafLooks = 0
    // A look that is under way is followed by one that is soon.
    if (isWaiting()) pollLater()
  }

  const start = async (): Promise<void> => {
    await look()
    listener = store.notifications?.listen({ text: hear, lost })
    pollLater()
  }

  return {
    get isNotified() {
      return hasListened()
    },

    async tell(subject) {
      const told: Told = [subject, clock.now()]
      onEnded(subject, told[1])
      untold.push(told)
      telling ??= flush()
      await Promise.all([telling, send(told)])
    },

    async watch() {
      if (timer !== undefined) return
      starting ??= start().finally(() => (starting = undefined))
      await starting
    },

    doubt() {
      isInDoubt = true
      lookSooner()
    },

    rest() {
      clearTimeout(timer)
      timer = undefined
      listener?.stop()
      listener = undefined
      listeningLooks = 0
      deafLooks = 0
      unheard = []
      last = undefined
      body = undefined
      isInDoubt = false
    },
  }
}

function notificationOf([subject, atMs]: Told): string {
  return `${atMs} ${subject}`
}

/** Undefined for a record that is absent or damaged. */
function feedIn(record: SessionRecord | undefined): Feed | undefined {
  if (record === undefined) return undefined
  try {
    const feed: unknown = JSON.parse(record.body)
    return isFeed(feed) ? feed : undefined
  } catch {
    return undefined
  }
}

function isFeed(value: unknown): value is Feed {
  const { last, told } = (value ?? {}) as Partial<Feed>
  return Number.isSafeInteger(last) && Array.isArray(told) && told.every(isTold)
}

function isTold(value: unknown): value is Told {
  if (!Array.isArray(value)) return false
  const [subject, ...instants] = value as unknown[]
  return typeof subject === 'string' && instants.every((atMs) => typeof atMs === 'number')
}
