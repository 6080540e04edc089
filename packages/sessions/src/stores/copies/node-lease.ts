/**
 * Lets this node keep copies of records in its memory, and answer reads from them, without ever being behind another node.
 *
 * The node has a lease: a name at the server that expires. A record lists the leases of the nodes that hold a copy of it. A change
 * waits while another node's lease is listed: that node is told to drop its copy, and takes itself off the list; or it is dead, paused
 * or cut off, and its lease ends. So a change is acknowledged only when no other node can answer from an older copy.
 *
 *     node a                       server                                           node b
 *     read ──── hold ────────────▶ holders: a.1
 *     (reads from memory)          held: no new holders for now ◀───────── write ──
 *     drop its copy ◀── drop ─────                                          (again, after a pause)
 *           ──── release ────────▶ holders: none
 *                                  written ◀──────────────────────────────── write ──
 *
 * By this node's clock a lease is shorter than by the server's, and counts from before the renewal was sent. A lease whose copies were
 * dropped never counts again; the next has another name, so a change that was sent under the old one and arrives late
 * finds the new one listed, and waits for it. The lease is renewed as long as requests come, and then given back.
 *
 * Rejected: messages that a record has changed, alone (a read may come before the message does); asking the server for the version at
 * each read (as dear as the read itself); an exclusive lease (the list of a user's sessions is read by all nodes).
 */
import { randomBytes } from 'node:crypto'
import type { SessionKey, SessionRecord, SessionWrite, WriteResult } from '../../contract.ts'
import { StoreUnavailableError } from '../../errors.ts'
import type { CopySource, OnOutdated } from './cacheable-store.ts'

export interface NodeLease {
  /** Resolves when the node has a lease, or has failed to get one; rejects with StoreConfigError without the rights for it. */
  readonly start: (onOutdated: OnOutdated) => Promise<void>
  /** The lease under which a copy of this record may be held now. Asks for one if there is none. */
  current(key: SessionKey): Lease | undefined
  readonly isCurrent: (mark: number) => boolean
  /** Empty without one. */
  readonly name: string
  readonly trouble: string | undefined
  /** Drops all copies, because what this node knows may no longer be so. */
  end(reason: string | undefined): void
  close(): void
}

export interface Lease {
  readonly mark: number
  readonly name: string
}

/** What a node's lease needs of the server that has the records. */
export interface LeaseServer {
  /** Connects the stream that brings the news. */
  link(news: LeaseNews): Promise<void>
  /** Takes a new lease, or renews one. False if it has ended. Resolves only while the stream works. */
  take(name: string, isNew: boolean): Promise<boolean>
  giveBack(name: string): Promise<unknown>
  /** The node of this lease holds no copy of the record any more. */
  release(key: SessionKey, name: string): Promise<unknown>
  /** Leaves a stream that may be half open, or half set up. */
  unlink(): void
  /** If the error tells of a right that is missing: the StoreConfigError that names it. */
  refusal(error: unknown): Error | undefined
  close(): void
}

export interface LeaseNews {
  /** A change waits for this node's copy. */
  dropAsked(key: SessionKey): void
  /** The record was changed by other hands. */
  changed(key: SessionKey): void
  /** This node may not know of every change any more. */
  lost(reason: string): void
  /** Nor does the stream work any more. */
  unlinked(reason: string): void
}

interface LeaseEnd {
  untilMs: number
  /** By the clock on the wall too: the other one stands still while the machine sleeps. */
  untilWallMs: number
}

type RunningLease = Lease & LeaseEnd

/** For clocks that run at different speeds. */
const OWN_SHARE = 0.9
const RENEWALS_PER_LEASE = 3
const UNUSED_MAX_MS = 10_000
const RETRY_MS = 250

/** Begins the names of all its leases: `NODE.1`, `NODE.2` and so on. */
export function newNodeName(): string {
  return randomBytes(9).toString('base64url')
}

export function nodeLease(node: string, leaseMs: number, server: LeaseServer): NodeLease {
  /** A release may be carried out after a later call of its key. So until its end is known, no copy of the record is held. */
  const releasing = new Set<SessionKey>()
  let tellOutdated: OnOutdated | undefined
  let lease: RunningLease | undefined
  /** Grows with each attempt to get a lease, so that two never have one name. */
  let count = 0
  let starting: Promise<void> | undefined
  let retryAtMs = 0
  let isLinked = false
  let isUsed = false
  let renewTimer: NodeJS.Timeout | undefined
  let isClosed = false
  let trouble: string | undefined

  const end = (reason: string | undefined): void => {
    // A lease that is about to be had is of no use either.
    count++
    clearTimeout(renewTimer)
    if (lease === undefined) return
    const { name } = lease
    lease = undefined
    trouble = reason
    tellOutdated?.(undefined)
    // So that changes elsewhere need not wait for its end.
    server.giveBack(name).catch(() => {})
  }

  const release = async (key: SessionKey): Promise<void> => {
    if (lease === undefined || releasing.has(key)) return
    releasing.add(key)
    await server.release(key, lease.name).finally(() => releasing.delete(key))
  }

  const news: LeaseNews = {
    dropAsked(key) {
      tellOutdated?.(key)
      release(key).catch(() => end('the outcome of a release is unknown'))
    },
    changed: (key) => tellOutdated?.(key),
    lost: end,
    unlinked(reason) {
      isLinked = false
      end(reason)
    },
  }

  /** Undefined if there is no such lease any more. */
  const take = async (name: string, isNew: boolean): Promise<LeaseEnd | undefined> => {
    const ownMs = leaseMs * OWN_SHARE
    const until = { untilMs: performance.now() + ownMs, untilWallMs: Date.now() + ownMs }
    return (await server.take(name, isNew)) ? until : undefined
  }

  const renewLater = (unusedMs: number): void => {
    const everyMs = leaseMs / RENEWALS_PER_LEASE
    renewTimer = setTimeout(() => void renew(isUsed ? 0 : unusedMs + everyMs), everyMs).unref()
  }

  const renew = async (unusedMs: number): Promise<void> => {
    const renewed = lease
    if (renewed === undefined) return
    if (unusedMs > UNUSED_MAX_MS) return end(undefined)
    isUsed = false
    try {
      const until = await take(renewed.name, false)
      if (lease !== renewed) return
      if (until === undefined) return end('the lease ended before it was renewed')
      Object.assign(renewed, until)
      renewLater(unusedMs)
    } catch (error) {
      if (lease === renewed) fail(error)
    }
  }

  const fail = (error: unknown): void => {
    end(reasonOf(error))
    trouble = reasonOf(error)
    retryAtMs = performance.now() + RETRY_MS
    isLinked = false
    if (!isClosed) server.unlink()
  }

  const begin = async (): Promise<void> => {
    const mark = ++count
    const name = `${node}.${mark}`
    const stillWell = (): void => {
      if (mark !== count) throw new Error('a connection to the server was lost')
    }
    if (!isLinked) {
      await server.link(news)
      stillWell()
      isLinked = true
    }
    const until = await take(name, true)
    stillWell()
    if (until === undefined) throw new Error('the lease ended before it was confirmed')
    lease = { mark, name, ...until }
    trouble = undefined
    renewLater(0)
  }

  const ensure = (): Promise<void> => {
    if (isClosed || lease !== undefined || performance.now() < retryAtMs) return Promise.resolve()
    starting ??= begin()
      .catch((error: unknown) => {
        fail(error)
        throw error
      })
      .finally(() => (starting = undefined))
    return starting
  }

  return {
    async start(onOutdated) {
      tellOutdated = onOutdated
      await ensure().catch((error: unknown) => {
        const refusal = server.refusal(error)
        if (refusal !== undefined) throw refusal
      })
    },

    current(key) {
      isUsed = true
      // A failure is in `trouble`.
      if (lease === undefined) ensure().catch(() => {})
      return releasing.has(key) ? undefined : lease
    },

    isCurrent(mark) {
      isUsed = true
      return (
        lease !== undefined &&
        lease.mark === mark &&
        performance.now() < lease.untilMs &&
        Date.now() < lease.untilWallMs
      )
    },

    get name() {
      return lease?.name ?? ''
    },

    get trouble() {
      return trouble
    },

    end,

    close() {
      isClosed = true
      end('the store was closed')
      server.close()
    },
  }
}

export function reasonOf(error: unknown): string {
  const cause = error instanceof StoreUnavailableError ? (error.cause ?? error) : error
  return cause instanceof Error ? cause.message : String(cause)
}

/** The verbs of a store whose records list the leases of the nodes that hold a copy. */
export interface LeasedVerbs {
  /** Reads a record, and lists this lease at it, if there is one. */
  readonly hold: (
    key: SessionKey,
    name: string | undefined,
  ) => Promise<{ readonly record: SessionRecord | undefined; readonly isHeld: boolean }>
  readonly write: (
    key: SessionKey,
    write: SessionWrite,
  ) => Promise<{ readonly result: WriteResult; readonly holds: boolean }>
}

export function leasedCopies(lease: NodeLease, { hold, write }: LeasedVerbs): CopySource {
  return {
    start: lease.start,
    isCurrent: lease.isCurrent,

    async read(key) {
      const { mark, name } = lease.current(key) ?? {}
      const { record, isHeld } = await hold(key, name)
      return { answer: record, mark: isHeld ? mark : undefined }
    },

    async write(key, about) {
      const mark = lease.current(key)?.mark
      const { result, holds } = await write(key, about)
      return { answer: result, mark: holds ? mark : undefined }
    },

    get trouble() {
      return lease.trouble
    },
  }
}
