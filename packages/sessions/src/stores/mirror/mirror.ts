/**
 * `?mirror=URL` on any store: a second store gets a copy of each record that changes, soon after the change was acknowledged. No request
 * waits for it, and none reads it. When the store is lost for good, the nodes are started with the mirror's URL; what was
 * acknowledged in the last moments before is not there.
 *
 * What is queued is a key, not a change: a copy reads the mirror first, then the store, and writes by the version that the mirror had. So
 * copies of several nodes end in the newest record, in whatever order they run, and many changes of one record are one copy.
 * The mirror counts versions of its own.
 *
 * A record that was destroyed is fenced in the mirror too, and does not come back when the mirror takes over.
 *
 * A mirror may refuse one record and take others, such as one that is too large for it. After a few tries that record is put aside and tried
 * every half a minute, so that it does not make the mirror count as out.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionKey, SessionStore } from '../../contract.ts'
import { reasonOf } from '../../reason.ts'
import { isAuxiliary } from '../../secrets/id.ts'
import type { OnStoreEvent } from '../../telemetry.ts'

export interface MirrorStoreOptions {
  readonly store: SessionStore
  readonly mirror: SessionStore
  readonly onEvent?: OnStoreEvent | undefined
  /** A change of further records is not copied while so many wait. Default 100,000. */
  readonly queueMax?: number | undefined
}

interface Queued {
  readonly sinceMs: number
  /** Of a record that was destroyed here. */
  readonly fenceUntilMs: number | undefined
}

/** It is the store that can't be read, and not the mirror. */
class StoreOut extends Error {}

const QUEUE_MAX = 100_000
/** A copy that has failed more often, each time after others were copied, is refused. */
const FAILURES_MAX = 3
/** Records whose failures are remembered. */
const FAILING_MAX = 10_000
const ASIDE_MS = 30_000
/** Of one copy, where another node is faster each time. */
const ATTEMPTS_MAX = 32
/** Copies at the same time. */
const WORKERS_MAX = 8
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000
/** How long `close()` goes on copying. */
const CLOSE_WAIT_MS = 2_000

export function mirrorStore(options: MirrorStoreOptions): SessionStore {
  const { store, mirror, onEvent, queueMax = QUEUE_MAX } = options
  /** In the order in which they wait. */
  const queue = new Map<SessionKey, Queued>()
  /** So that what is told of copies does not bear the id of the request that began them. */
  const outsideRequests = AsyncLocalStorage.snapshot()
  const copying = new Map<SessionKey, Queued>()
  /** What the mirror has refused. */
  const aside = new Map<SessionKey, Queued>()
  let tryAsideLater: NodeJS.Timeout | undefined
  let isRefusalTold = false
  const counts = { copied: 0, skipped: 0 }
  /** Of records whose last copy failed, how often in a row, and how many were copied before. */
  const failing = new Map<SessionKey, { readonly times: number; readonly copied: number }>()
  let workers = 0
  const status = { isDown: false, isClosed: false }
  let opening: Promise<void> | undefined

  /** A mirror that was out when the node started is opened before the first copy: a database makes its tables then. */
  const openMirror = (): Promise<void> => {
    opening ??= mirror.open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }

  const enqueue = (key: SessionKey, fenceUntilMs?: number): void => {
    const before = queue.get(key) ?? aside.get(key)
    if (before === undefined && queue.size + aside.size >= queueMax) {
      if (counts.skipped++ === 0) onEvent?.({ event: 'mirror-skips', store: mirror.name, queued: queue.size })
      const givesWay = fenceUntilMs === undefined ? undefined : firstChange()
      if (givesWay === undefined) return
      queue.delete(givesWay)
    }
    aside.delete(key)
    queue.set(key, {
      sinceMs: before?.sinceMs ?? performance.now(),
      fenceUntilMs: fenceUntilMs ?? before?.fenceUntilMs,
    })
    if (workers < (status.isDown ? 1 : WORKERS_MAX)) void outsideRequests(work)
  }

  /**
   * An ended session must not come back, so it takes the place of a change, which the session's next change copies too. What is no session
   * stays: a user's list says which of their sessions have ended.
   */
  const firstChange = (): SessionKey | undefined => {
    for (const [key, { fenceUntilMs }] of queue) if (fenceUntilMs === undefined && !isAuxiliary(key)) return key
    return undefined
  }

  const work = async (): Promise<void> => {
    workers++
    let retryMs = RETRY_MIN_MS
    for (let next = take(); next !== undefined && !status.isClosed; next = take()) {
      const [key, queued] = next
      try {
        await openMirror()
        await copy(key, queued.fenceUntilMs)
        counts.copied++
        failing.delete(key)
        retryMs = RETRY_MIN_MS
        reachable()
      } catch (error) {
        if (error instanceof StoreOut) {
          requeue(key, queued)
          reachable()
        } else if (isRefused(key)) putAside(key, queued, error as Error)
        else {
          // The mirror is out: the record waits, and what waits behind it too.
          requeue(key, queued)
          unreachable(error as Error)
        }
        await sleep(retryMs, undefined, { ref: false })
        retryMs = Math.min(RETRY_MAX_MS, 2 * retryMs)
      } finally {
        copying.delete(key)
      }
    }
    workers--
  }

  /** Notes the failure. True after a few of them if others were copied before each: then the mirror is not out. */
  const isRefused = (key: SessionKey): boolean => {
    const { times, copied } = failing.get(key) ?? { times: 0, copied: -1 }
    const isAlone = counts.copied > copied
    const now = { times: isAlone ? times + 1 : times, copied: counts.copied }
    const [oldest] = failing.keys()
    if (oldest !== undefined && failing.size >= FAILING_MAX && !failing.has(key)) failing.delete(oldest)
    failing.set(key, now)
    return isAlone && now.times > FAILURES_MAX
  }

  const putAside = (key: SessionKey, queued: Queued, error: Error): void => {
    // It may have changed meanwhile, and is tried at once then.
    if (queue.has(key)) return requeue(key, queued)
    aside.set(key, queued)
    if (!isRefusalTold) onEvent?.({ event: 'mirror-refuses', store: mirror.name, reason: reasonOf(error) })
    isRefusalTold = true
    tryAsideLater ??= setTimeout(tryAside, ASIDE_MS).unref()
  }

  const tryAside = (): void => {
    tryAsideLater = undefined
    for (const [key, { fenceUntilMs }] of aside) enqueue(key, fenceUntilMs)
  }

  /** The first that no other worker is copying. */
  const take = (): [SessionKey, Queued] | undefined => {
    for (const [key, queued] of queue) {
      if (copying.has(key)) continue
      queue.delete(key)
      copying.set(key, queued)
      return [key, queued]
    }
    return undefined
  }

  const requeue = (key: SessionKey, failed: Queued): void => {
    const { fenceUntilMs } = queue.get(key) ?? failed
    queue.set(key, { sinceMs: failed.sinceMs, fenceUntilMs: fenceUntilMs ?? failed.fenceUntilMs })
  }

  const copy = async (key: SessionKey, fenceUntilMs: number | undefined): Promise<void> => {
    if (fenceUntilMs !== undefined) return await mirror.destroy(key, { fenceUntilMs })
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const there = await mirror.read(key)
      const here = await store.read(key).catch((cause: unknown) => {
        throw new StoreOut('the store does not answer', { cause })
      })
      // It has expired, which it does in the mirror too, or another node destroyed it and has it in its own queue.
      if (here === undefined) return
      const { body, expiresAtMs } = here
      if (there?.body === body) {
        if (expiresAtMs > there.expiresAtMs) await mirror.touch(key, expiresAtMs)
        return
      }
      const written = await mirror.write(key, { expectedVersion: there?.version ?? 0, expiresAtMs, body })
      if (written.status !== 'conflict') return
    }
    throw new Error(`other nodes were faster ${ATTEMPTS_MAX} times`)
  }

  const reachable = (): void => {
    if (status.isDown) onEvent?.({ event: 'mirror-up', store: mirror.name, queued: queue.size })
    status.isDown = false
  }

  const unreachable = (error: Error): void => {
    if (!status.isDown) onEvent?.({ event: 'mirror-down', store: mirror.name, reason: reasonOf(error) })
    status.isDown = true
  }

  const lagMs = (): number => {
    const [first] = queue.values()
    const since = [...copying.values(), ...(first === undefined ? [] : [first])].map(({ sinceMs }) => sinceMs)
    return since.length === 0 ? 0 : Math.round(performance.now() - Math.min(...since))
  }

  return {
    name: `${store.name}, mirrored to ${mirror.name}`,
    capabilities: store.capabilities,
    notifications: store.notifications,
    get members() {
      return store.members
    },
    ...(store.localSessionCount && { localSessionCount: store.localSessionCount.bind(store) }),
    ...(store.check && { check: store.check.bind(store) }),

    /** The mirror may be out; it gets what changed meanwhile once it is back. */
    async open() {
      await store.open()
      openMirror().then(reachable, unreachable)
    },

    read: (key) => store.read(key),

    write: (key, write) => changed(key, store.write(key, write)),
    touch: (key, expiresAtMs) => changed(key, store.touch(key, expiresAtMs)),
    destroy: (key, destroy) => changed(key, store.destroy(key, destroy), destroy.fenceUntilMs),

    health: () => store.health(),

    async close() {
      const deadlineAtMs = performance.now() + CLOSE_WAIT_MS
      while (queue.size + copying.size > 0 && !status.isDown && performance.now() < deadlineAtMs) await sleep(10)
      status.isClosed = true
      clearTimeout(tryAsideLater)
      await Promise.all([store.close(), mirror.close()])
    },

    report() {
      const report = store.report?.()
      const out = status.isDown ? [`the mirror ${mirror.name} is out: ${queue.size} changed sessions wait for it`] : []
      const refused =
        aside.size > 0 ? [`the mirror ${mirror.name} refuses ${aside.size} changed sessions, and takes others`] : []
      const figures = { queued: queue.size + copying.size, lagMs: lagMs(), ...counts, refused: aside.size }
      return { ...report, warnings: [...(report?.warnings ?? []), ...out, ...refused], mirror: figures }
    },
  }

  /** A change that failed may have been applied all the same. */
  async function changed<T>(key: SessionKey, change: Promise<T>, fenceUntilMs?: number): Promise<T> {
    try {
      return await change
    } finally {
      enqueue(key, fenceUntilMs)
    }
  }
}
