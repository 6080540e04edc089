/**
 * Sessions on their way from one store to another, while people use them: no user is logged out, and no acknowledged change is
 * lost. Each step is one deployment of all nodes, in which nodes of two neighbouring steps run beside each other:
 *
 *     ready     everything is as it was, but what has moved already would be found
 *     move      a session moves at its next write, a new one is created as one that moves
 *     finish    a session moves at its next read as well: one idle timeout later none that lives is in the old store alone
 *     (then)    the new store alone
 *
 * A session keeps its key. It moves by one compare-and-set in the old store, which puts a mark there in place of its body:
 *
 *     body ──(commit)──▶ MOVING version, body ──(body is in the new store)──▶ MOVED version
 *
 * The mark holds the body until the new store has it, so a node that dies in between leaves a session that any other node can
 * read, and carries over before it changes it. Of two nodes that move one session, or of one that moves it and one that writes
 * or ends it where it was, one is told of the conflict. Once a session is in the new store it is under its own key there, so
 * nodes that know the new store alone find it, and change the same record.
 *
 * Versions go on counting while both stores are there: version 1 in the new store is the mark's version. The new store alone
 * knows its own count.
 *
 * Rejected: writing to both and comparing later. Of two stores one is behind at any instant, and no reader knows which.
 */
import type {
  Capabilities,
  Receipt,
  SessionKey,
  SessionRecord,
  SessionStore,
  SessionWrite,
  WriteResult,
} from '../../contract.ts'
import { StoreUnavailableError } from '../../errors.ts'
import { markOf, type MovingMark, movedText, movingText } from './marks.ts'

export type MovingStep = 'ready' | 'move' | 'finish'

export interface MovingStoreOptions {
  readonly from: SessionStore
  readonly to: SessionStore
  readonly step: MovingStep
}

/** Each try after the first follows a change by another node. */
const TRIES_MAX = 32
/** Of a write that removes what is there, if it is still what was read. */
const PAST_MS = 1

export function movingStore({ from, to, step }: MovingStoreOptions): SessionStore {
  const name = `${from.name} to ${to.name}`
  const mover = sessionMover(from, to, name)

  const repeated = <T>(attempt: () => Promise<T | typeof AGAIN>): Promise<T> => untilSettled(name, attempt)

  const read: SessionStore['read'] = (key, options) =>
    repeated(async () => {
      const old = await from.read(key)
      const mark = markOf(old)
      if (mark?.state === 'moved') return await mover.readMoved(key, mark.version, options?.atLeastVersion)
      if (mark !== undefined) return await mover.readMoving(key, mark)
      if (old === undefined) return await to.read(key, options)
      // Versions of marks are not those of sessions, so the store is not asked for one before it is known to have none.
      if (old.version < (options?.atLeastVersion ?? 0)) return await from.read(key, options)
      if (step !== 'finish') return old
      const { version, body, expiresAtMs } = old
      const moved = await mover.move(key, { expectedVersion: version, expiresAtMs, body }, version)
      if (moved.status === 'gone') return undefined
      return moved.status === 'conflict' ? AGAIN : old
    })

  /** A conflict with a mark is one with what it leads to. */
  const seen = async (key: SessionKey, result: WriteResult): Promise<WriteResult> => {
    if (result.status !== 'conflict' || markOf(result.current) === undefined) return result
    const current = await read(key)
    return current === undefined ? { status: 'gone' } : { status: 'conflict', current }
  }

  const create = async (key: SessionKey, write: SessionWrite): Promise<WriteResult> => {
    if (step === 'ready') return await from.write(key, write)
    const current = await to.read(key)
    return current === undefined ? await mover.move(key, write, 1) : { status: 'conflict', current }
  }

  return {
    ...both(name, from, to),
    read,

    write: (key, write) =>
      repeated(async () => {
        const old = await from.read(key)
        const mark = markOf(old)
        if (mark?.state === 'moved') return await mover.writeMoved(key, mark.version, write)
        if (mark !== undefined) return await mover.carry(key, mark).then(() => AGAIN)
        if (old === undefined && write.expectedVersion > 0) return await to.write(key, write)
        if (old === undefined) return await seen(key, await create(key, write))
        if (step === 'ready') return await seen(key, await from.write(key, write))
        return await seen(key, await mover.move(key, write, write.expectedVersion + 1))
      }),

    touch: (key, expiresAtMs) =>
      repeated(async () => {
        const old = await from.read(key)
        const mark = markOf(old)
        if (mark?.state === 'moving') return await mover.carry(key, mark).then(() => AGAIN)
        if (old !== undefined) {
          const touched = await from.touch(key, expiresAtMs)
          if (mark === undefined) return touched
        }
        return await to.touch(key, expiresAtMs)
      }),

    /** In the new store first: as long as the old one has the session or its mark, no read finds it ended and then there again. */
    async destroy(key, options) {
      const receipts = [await to.destroy(key, options), await from.destroy(key, options)]
      return { copies: Math.min(...receipts.map(({ copies }: Receipt) => copies)) }
    },
  }
}

/** Runs `attempt` until it is not told to look again. */
async function untilSettled<T>(name: string, attempt: () => Promise<T | typeof AGAIN>): Promise<T> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const result = await attempt()
    if (result !== AGAIN) return result
  }
  throw new StoreUnavailableError(name, new Error('other nodes kept moving this record'))
}

/** What is done to a key in both stores. */
function sessionMover(from: SessionStore, to: SessionStore, name: string) {
  const readMoved = async (
    key: SessionKey,
    version: number,
    atLeastVersion = 0,
  ): Promise<SessionRecord | undefined> => {
    const record = await to.read(key, { atLeastVersion: Math.max(0, atLeastVersion - version + 1) })
    return record && numbered(record, version)
  }

  /** Puts the body of a mark into the new store, and takes it out of the mark. */
  const carry = async (
    key: SessionKey,
    { record, version, body }: MovingMark,
    asked: Pick<SessionWrite, 'ack' | 'givesWay'> = {},
  ): Promise<WriteResult> => {
    const { expiresAtMs } = record
    const carried = await to.write(key, { ...asked, expectedVersion: 0, expiresAtMs, body })
    // Fenced there: the session was ended, and the mark must not outlive the fence.
    const mark =
      carried.status === 'gone' ? { body: '', expiresAtMs: PAST_MS } : { body: movedText(version), expiresAtMs }
    await from.write(key, { ...mark, expectedVersion: record.version })
    return carried
  }

  return {
    readMoved,
    carry,

    /** Until the new store has it, the mark does. */
    async readMoving(key: SessionKey, { version, body, record }: MovingMark): Promise<SessionRecord> {
      return (await readMoved(key, version)) ?? { version, body, expiresAtMs: record.expiresAtMs }
    },

    /** The change is committed with the mark; `version` is the session's from then on. */
    async move(key: SessionKey, write: SessionWrite, version: number): Promise<WriteResult> {
      const marked = await from.write(key, { ...write, body: movingText(version, write.body) })
      if (marked.status !== 'written') return marked
      const { expectedVersion, expiresAtMs, body, ...asked } = write
      const record = { version: marked.version, expiresAtMs }
      const carried = await carry(key, { record, version, body }, asked)
      if (carried.status === 'gone') return carried
      // Another node has carried it over first; or, of a new record, one that knows the new store alone has created it there.
      if (carried.status === 'conflict' && expectedVersion === 0 && !isAsWritten(carried.current, write))
        throw new StoreUnavailableError(name, new Error('the record was created in the new store at the same time'))
      return { status: 'written', version, receipt: marked.receipt }
    },

    async writeMoved(key: SessionKey, version: number, write: SessionWrite): Promise<WriteResult> {
      const expectedVersion = write.expectedVersion - version + 1
      if (expectedVersion <= 0) {
        const current = await readMoved(key, version)
        return current === undefined ? { status: 'gone' } : { status: 'conflict', current }
      }
      // The mark first: as long as it is there, versions are counted alike.
      await from.touch(key, write.expiresAtMs)
      const result = await to.write(key, { ...write, expectedVersion })
      if (result.status === 'written') return { ...result, version: result.version + version - 1 }
      return result.status === 'gone' ? result : { status: 'conflict', current: numbered(result.current, version) }
    },
  }
}

/** A record of the new store as seen from outside, where its first version is `version`. */
function numbered(record: SessionRecord, version: number): SessionRecord {
  return { ...record, version: record.version + version - 1 }
}

const AGAIN = Symbol('look again')

function isAsWritten({ version, body }: SessionRecord, write: SessionWrite): boolean {
  return version === 1 && body === write.body
}

/** All but the verbs. */
function both(name: string, from: SessionStore, to: SessionStore) {
  return {
    name,
    capabilities: inBoth(from.capabilities, to.capabilities),

    async open() {
      await Promise.all([from.open(), to.open()])
    },

    async health() {
      await Promise.all([from.health(), to.health()])
    },

    async close() {
      await Promise.all([from.close(), to.close()])
    },

    heldHere: () => (from.heldHere?.() ?? 0) + (to.heldHere?.() ?? 0),

    report() {
      const [old, next] = [from.report?.(), to.report?.()]
      return { ...old, ...next, warnings: [...(old?.warnings ?? []), ...(next?.warnings ?? [])] }
    },
  }
}

function inBoth(one: Capabilities, other: Capabilities): Capabilities {
  const names = ['shared', 'survivesNodeDeath', 'survivesStoreRestart', 'fences'] as const
  const both = names.map((name) => [name, one[name] === 'held' ? other[name] : one[name]] as const)
  return Object.fromEntries(both) as unknown as Capabilities
}
