/**
 * `write=behind`: a change of a session is acknowledged when it is in this node's memory, and written to the store after that. Reads of
 * such a session come from memory until the store has it. A node that dies loses what the store does not have yet; so this
 * is for sessions that may lose their last moments, behind a routing that keeps each client at one node.
 *
 * Each change is written by itself, in order, and with the version that it was acknowledged with. If the store has another version by
 * then, because another node served the client meanwhile, the store's record stands, and the changes that wait for that session are
 * lost and counted. A request of this node may have read one that was lost, and its version is now that of another body in the store, or
 * will be. So before this node changes such a session again, it moves the store's record past every lost version: it writes the store's own body
 * again. A request that builds on a lost version then always finds a conflict.
 *
 * The window: a change is acknowledged only while the oldest that waits is younger than `windowMs`, and while fewer than `pendingMax`
 * wait. Otherwise it waits for the store, and is refused after another `windowMs`.
 *
 * Not behind: the creation of a session (the store knows of fences), its deletion, and records that are no sessions, such as the list
 * of a user's sessions. So a logout is as final as in the store.
 *
 * Rejected: to write only the latest of several changes. The store's version would be behind the acknowledged one, and could come to
 * equal it again with another body, which a compare-and-set would take for the same.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../clock.ts'
import type { Capabilities, SessionKey, SessionRecord, SessionStore, SessionWrite } from '../../contract.ts'
import { isAuxiliary } from '../../secrets/id.ts'
import { deadlineList } from '../../deadlines.ts'
import { StoreUnavailableError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import type { BehindReport, OnStoreEvent } from '../../telemetry.ts'

export interface WriteBehindOptions {
  readonly windowMs: number
  readonly pendingMax: number
  readonly onEvent: OnStoreEvent
  readonly clock: Clock
  /** A change that fails for so long while the store is well is given up, as it holds up every other one. Default 30 s. */
  readonly giveUpMs?: number
}

type Change = { readonly atMs: number; isOver: boolean } & (
  | { readonly verb: 'write'; readonly write: SessionWrite }
  | { readonly verb: 'touch'; readonly expiresAtMs: number }
)

interface PendingSession {
  record: SessionRecord
  readonly changes: Change[]
  /** While its deletion is under way, a change that the store refuses is not lost: the session has ended. */
  isEnding: boolean
}

const FLUSHES_MAX = 64
const RETRY_MIN_MS = 25
const RETRY_MAX_MS = 500
/** How long `close` waits for the store to have everything. */
const CLOSE_MAX_MS = 5_000
const CLOSE_LOOK_MS = 10
const GIVE_UP_MS = 30_000
/** Of how many sessions the lost versions are known. Beyond that the one that lost its changes longest ago is forgotten. */
const LOST_MAX = 10_000

export function writeBehind(
  store: SessionStore,
  { windowMs, pendingMax, onEvent, clock, giveUpMs = GIVE_UP_MS }: WriteBehindOptions,
): SessionStore {
  const sessions = new Map<SessionKey, PendingSession>()
  /** In the order in which they were acknowledged; those that are over are removed once they are first. */
  const acknowledged: Change[] = []
  const toFlush: SessionKey[] = []
  /** So that what is told of late changes does not bear the id of the request that began to write them. */
  const outsideRequests = AsyncLocalStorage.snapshot()
  const turns = new Map<SessionKey, Promise<unknown>>()
  /** The last version of a session that was acknowledged and lost, where the store's record has not been moved past it yet. */
  const lostVersions = new Map<SessionKey, number>()
  const roomWaiters = new Set<() => void>()
  const deadlines = deadlineList(windowMs, () => behind(`it has been behind by ${windowMs} ms or more`))
  let flushing = 0
  let pendingChanges = 0
  let lostChanges = 0
  let lagMaxMs = 0
  let isClosed = false
  /** Why the last change that was not written was not. */
  let failure: Error | undefined

  const behind = (why: string) => new StoreUnavailableError(store.name, new Error(why))

  const oldestMs = (): number => {
    while (acknowledged[0]?.isOver === true) acknowledged.shift()
    return acknowledged[0] === undefined ? 0 : performance.now() - acknowledged[0].atMs
  }

  const hasRoom = (): boolean => pendingChanges < pendingMax && oldestMs() < windowMs
  const takesMore = (): boolean => !isClosed && hasRoom()

  const room = async (): Promise<void> => {
    while (!hasRoom()) {
      const { promise, resolve } = Promise.withResolvers<void>()
      roomWaiters.add(resolve)
      await deadlines.within(promise, () => roomWaiters.delete(resolve))
    }
    if (isClosed) throw behind('it was closed')
  }

  /** One change of a session after the other: the later finds what the earlier has left. */
  const inTurn = async <T>(key: SessionKey, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(key)
    const turn = before === undefined ? work() : before.then(work, work)
    turns.set(key, turn)
    try {
      return await turn
    } finally {
      if (turns.get(key) === turn) turns.delete(key)
    }
  }

  const acknowledge = (key: SessionKey, record: SessionRecord, change: Change): void => {
    const there = sessions.get(key)
    acknowledged.push(change)
    pendingChanges++
    if (there !== undefined) {
      there.record = record
      there.changes.push(change)
      return
    }
    sessions.set(key, { record, changes: [change], isEnding: false })
    toFlush.push(key)
    flushMore()
  }

  const flushMore = (): void => {
    while (flushing < FLUSHES_MAX) {
      const key = toFlush.shift()
      if (key === undefined) return
      flushing++
      void outsideRequests(() => flushSession(key)).finally(() => {
        flushing--
        flushMore()
      })
    }
  }

  const flushSession = async (key: SessionKey): Promise<void> => {
    const session = sessions.get(key)
    if (session === undefined) return
    let pauseMs = RETRY_MIN_MS
    let triedAtMs = performance.now()
    for (;;) {
      const [change] = session.changes
      if (change === undefined || isClosed) break
      const outcome = await flushed(key, change)
      if (outcome instanceof Error) {
        failure = outcome
        if (performance.now() - triedAtMs >= giveUpMs && (await isWell())) lose(key, session, outcome)
        await pause(pauseMs)
        pauseMs = Math.min(RETRY_MAX_MS, 2 * pauseMs)
        continue
      }
      pauseMs = RETRY_MIN_MS
      lagMaxMs = Math.max(lagMaxMs, performance.now() - change.atMs)
      triedAtMs = performance.now()
      if (outcome === 'done') settle(session.changes.splice(0, 1))
      else if (session.isEnding) settle(session.changes.splice(0))
      else lose(key, session, new Error('another node has changed the session'))
    }
    if (sessions.get(key) === session) sessions.delete(key)
  }

  const flushed = async (key: SessionKey, change: Change): Promise<'done' | 'refused' | Error> => {
    try {
      if (change.verb === 'touch') return (await store.touch(key, change.expiresAtMs)) ? 'done' : 'refused'
      const result = await store.write(key, change.write)
      if (result.status === 'written') return 'done'
      // An earlier try of this change may have been carried out without an answer.
      const { expectedVersion, body } = change.write
      const isThere =
        result.status === 'conflict' && result.current.version === expectedVersion + 1 && result.current.body === body
      return isThere ? 'done' : 'refused'
    } catch (error) {
      // An outage, or a refusal that may pass.
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  const isWell = (): Promise<boolean> =>
    store.health().then(
      () => true,
      () => false,
    )

  const settle = (changes: readonly Change[]): void => {
    for (const change of changes) change.isOver = true
    pendingChanges -= changes.length
    if (!hasRoom()) return
    for (const resolve of roomWaiters) resolve()
    roomWaiters.clear()
  }

  const lose = (key: SessionKey, session: PendingSession, reason: Error): void => {
    const lost = session.changes.splice(0)
    if (sessions.get(key) === session) sessions.delete(key)
    settle(lost)
    lostChanges += lost.length
    const written = lost.findLast((change) => change.verb === 'write')
    if (written !== undefined) lostVersions.set(key, written.write.expectedVersion + 1)
    if (lostVersions.size > LOST_MAX) lostVersions.delete(lostVersions.keys().next().value as SessionKey)
    if (lost.length > 0)
      onEvent({ event: 'changes-lost', store: store.name, changes: lost.length, reason: reasonOf(reason) })
  }

  /** Not when the changes are lost: another node that serves the session then may be behind itself, and would lose its own. */
  const movePastLost = async (key: SessionKey): Promise<void> => {
    const lost = lostVersions.get(key)
    if (lost === undefined) return
    let current = await store.read(key)
    while (current !== undefined && current.version <= lost) {
      const { version, expiresAtMs, body } = current
      const result = await store.write(key, { expectedVersion: version, expiresAtMs, body })
      if (result.status === 'written') current = { version: result.version, expiresAtMs, body }
      else current = result.status === 'conflict' ? result.current : undefined
    }
    lostVersions.delete(key)
  }

  const failed = (): string => (failure === undefined ? '' : `, as one could not be written: ${reasonOf(failure)}`)

  const live = (key: SessionKey): SessionRecord | undefined => {
    const record = sessions.get(key)?.record
    return record !== undefined && record.expiresAtMs > clock.now() ? record : undefined
  }

  return {
    name: `${store.name}, write-behind`,
    capabilities: capabilitiesOf(store.capabilities, windowMs),
    notifications: store.notifications,
    open: () => store.open(),

    read: async (key) => live(key) ?? (await store.read(key)),

    async write(key, write) {
      if (isAuxiliary(key)) return await store.write(key, write)
      return await inTurn(key, async () => {
        const { expectedVersion, expiresAtMs, body } = write
        for (;;) {
          await movePastLost(key)
          const current = live(key) ?? (await store.read(key))
          if (current === undefined && expectedVersion === 0) return await store.write(key, write)
          if (current === undefined) return { status: 'gone' }
          if (current.version !== expectedVersion) return { status: 'conflict', current }
          if (!takesMore()) {
            await room()
            // What it was to build on may have been lost meanwhile.
            continue
          }
          const record = { version: expectedVersion + 1, expiresAtMs, body }
          acknowledge(key, record, { verb: 'write', write, atMs: performance.now(), isOver: false })
          return { status: 'written', version: record.version }
        }
      })
    },

    async touch(key, expiresAtMs) {
      return await inTurn(key, async () => {
        for (;;) {
          const current = live(key)
          if (current === undefined) return await store.touch(key, expiresAtMs)
          if (expiresAtMs <= current.expiresAtMs) return true
          if (!takesMore()) {
            await room()
            continue
          }
          acknowledge(
            key,
            { ...current, expiresAtMs },
            { verb: 'touch', expiresAtMs, atMs: performance.now(), isOver: false },
          )
          return true
        }
      })
    },

    async destroy(key, options) {
      await inTurn(key, async () => {
        const session = sessions.get(key)
        if (session !== undefined) session.isEnding = true
        try {
          await store.destroy(key, options)
        } catch (error) {
          if (session !== undefined) session.isEnding = false
          throw error
        }
        sessions.delete(key)
        lostVersions.delete(key)
        settle(session?.changes.splice(0) ?? [])
      })
    },

    health: () => store.health(),

    localSessionCount: () => sessions.size,

    report() {
      const report = store.report?.() ?? { warnings: [] }
      const lagMs = Math.round(oldestMs())
      const behindReport: BehindReport = { changes: pendingChanges, lagMs, lagMaxMs: Math.round(lagMaxMs), lostChanges }
      const warnings = lagMs < windowMs ? [] : [`the store is behind by ${lagMs} ms: changes wait${failed()}`]
      return { ...report, warnings: [...report.warnings, ...warnings], behind: behindReport }
    },

    async close() {
      const giveUpAtMs = performance.now() + CLOSE_MAX_MS
      while (sessions.size > 0 && performance.now() < giveUpAtMs) await pause(CLOSE_LOOK_MS)
      isClosed = true
      deadlines.giveUp(() => behind('it was closed'))
      for (const [key, session] of sessions) lose(key, session, failure ?? new Error('it was closed'))
      await store.close()
    },
  }
}

function capabilitiesOf(store: Capabilities, windowMs: number): Capabilities {
  return {
    ...store,
    shared: { excused: `another node sees a change once it was written behind, up to ${windowMs} ms later` },
    survivesNodeDeath: {
      excused: `a node that dies loses what it acknowledged and had not written yet, up to the last ${windowMs} ms`,
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
