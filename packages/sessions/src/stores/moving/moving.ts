/**
 * Moves live sessions from one store to another: no user is logged out, and no acknowledged change is lost. Each step is one
 * deployment of all nodes, in which nodes of two successive steps run side by side:
 *
 *     ready     sessions stay in the old store, but a session that has moved is found
 *     move      a session moves at its next write; a new session is created as a moving one
 *     finish    a session moves at its next read too; once the longest time that a session may be unused has passed, the new
 *               store has every live session
 *     (then)    only the new store is used
 *
 * A session keeps its key. It moves by one compare-and-set in the old store, which puts a mark there in place of its body:
 *
 *     body ──(commit)──▶ MOVING version, body ──(body is in the new store)──▶ MOVED version
 *
 * The mark holds the body until the new store has it. So if a node dies in between, any other node can read the session, and
 * copies it to the new store before it changes it. If two nodes move one session, or one moves it while another writes or
 * deletes it in the old store, one of them gets a conflict. In the new store a session has the same key, so nodes that use
 * only the new store find it and change the same record.
 *
 * While both stores are used, versions go on counting: version 1 in the new store is the mark's version. Nodes that use only the
 * new store see its own count.
 *
 * Rejected: to write to both stores and compare later. At any instant one store is behind, and no reader knows which.
 */
import type {
  Capabilities,
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

/** Each retry follows a change by another node. */
const TRIES_MAX = 32
/** An expiry in the past: a write with it removes the record, if the version is still the expected one. */
const PAST_MS = 1

export function movingStore({ from, to, step }: MovingStoreOptions): SessionStore {
  const name = `${from.name} to ${to.name}`
  const mover = sessionMover(from, to, name)

  const retried = <T>(attempt: () => Promise<T | typeof AGAIN>): Promise<T> => untilSettled(name, attempt)

  const read: SessionStore['read'] = (key) =>
    retried(async () => {
      const old = await from.read(key)
      const mark = markOf(old)
      if (mark?.state === 'moved') return await mover.readMoved(key, mark.version)
      if (mark !== undefined) return await mover.readMoving(key, mark)
      if (old === undefined) return await to.read(key)
      if (step !== 'finish') return old
      const { version, body, expiresAtMs } = old
      const moved = await mover.move(key, { expectedVersion: version, expiresAtMs, body }, version)
      if (moved.status === 'gone') return undefined
      return moved.status === 'conflict' ? AGAIN : old
    })

  /** If a conflict is with a mark, it is a conflict with the session that the mark stands for. */
  const resolveMark = async (key: SessionKey, result: WriteResult): Promise<WriteResult> => {
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
      retried(async () => {
        const old = await from.read(key)
        const mark = markOf(old)
        if (mark?.state === 'moved') return await mover.writeMoved(key, mark.version, write)
        if (mark !== undefined) return await mover.carry(key, mark).then(() => AGAIN)
        if (old === undefined && write.expectedVersion > 0) return await to.write(key, write)
        if (old === undefined) return await resolveMark(key, await create(key, write))
        if (step === 'ready') return await resolveMark(key, await from.write(key, write))
        return await resolveMark(key, await mover.move(key, write, write.expectedVersion + 1))
      }),

    touch: (key, expiresAtMs) =>
      retried(async () => {
        const old = await from.read(key)
        const mark = markOf(old)
        if (mark?.state === 'moving') return await mover.carry(key, mark).then(() => AGAIN)
        if (old !== undefined) {
          const touched = await from.touch(key, expiresAtMs)
          if (mark === undefined) return touched
        }
        return await to.touch(key, expiresAtMs)
      }),

    /** In the new store first, so that no read finds the session ended and a later read finds it there again. */
    async destroy(key, options) {
      await to.destroy(key, options)
      await from.destroy(key, options)
    },
  }
}

/** Runs `attempt` until it returns something other than AGAIN. */
async function untilSettled<T>(name: string, attempt: () => Promise<T | typeof AGAIN>): Promise<T> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const result = await attempt()
    if (result !== AGAIN) return result
  }
  throw new StoreUnavailableError(name, new Error('other nodes kept moving this record'))
}

/** The operations that need both stores. */
function sessionMover(from: SessionStore, to: SessionStore, name: string) {
  const readMoved = async (key: SessionKey, version: number): Promise<SessionRecord | undefined> => {
    const record = await to.read(key)
    return record && numbered(record, version)
  }

  /** Copies the body of a mark to the new store, and removes it from the mark. */
  const carry = async (
    key: SessionKey,
    { record, version, body }: MovingMark,
    asked: Pick<SessionWrite, 'givesWay'> = {},
  ): Promise<WriteResult> => {
    const { expiresAtMs } = record
    const carried = await to.write(key, { ...asked, expectedVersion: 0, expiresAtMs, body })
    // The session was deleted and is fenced in the new store. The mark must not outlive the fence.
    const mark =
      carried.status === 'gone' ? { body: '', expiresAtMs: PAST_MS } : { body: movedText(version), expiresAtMs }
    await from.write(key, { ...mark, expectedVersion: record.version })
    return carried
  }

  return {
    readMoved,
    carry,

    /** Falls back on the mark's body until the new store has the session. */
    async readMoving(key: SessionKey, { version, body, record }: MovingMark): Promise<SessionRecord> {
      return (await readMoved(key, version)) ?? { version, body, expiresAtMs: record.expiresAtMs }
    },

    /** The write of the mark commits the change; from then on `version` is the session's version. */
    async move(key: SessionKey, write: SessionWrite, version: number): Promise<WriteResult> {
      const marked = await from.write(key, { ...write, body: movingText(version, write.body) })
      if (marked.status !== 'written') return marked
      const { expectedVersion, expiresAtMs, body, ...asked } = write
      const record = { version: marked.version, expiresAtMs }
      const carried = await carry(key, { record, version, body }, asked)
      if (carried.status === 'gone') return carried
      // Another node has copied it first; or, for a new record, a node that uses only the new store has created it there.
      if (carried.status === 'conflict' && expectedVersion === 0 && !isAsWritten(carried.current, write))
        throw new StoreUnavailableError(name, new Error('the record was created in the new store at the same time'))
      return { status: 'written', version }
    },

    async writeMoved(key: SessionKey, version: number, write: SessionWrite): Promise<WriteResult> {
      const expectedVersion = write.expectedVersion - version + 1
      if (expectedVersion <= 0) {
        const current = await readMoved(key, version)
        return current === undefined ? { status: 'gone' } : { status: 'conflict', current }
      }
      // The mark first: while it lives, all nodes count versions alike.
      await from.touch(key, write.expiresAtMs)
      const result = await to.write(key, { ...write, expectedVersion })
      if (result.status === 'written') return { ...result, version: result.version + version - 1 }
      return result.status === 'gone' ? result : { status: 'conflict', current: numbered(result.current, version) }
    },
  }
}

/** A record of the new store with the version that callers see: version 1 is `version`. */
function numbered(record: SessionRecord, version: number): SessionRecord {
  return { ...record, version: record.version + version - 1 }
}

const AGAIN = Symbol('again')
const BETWEEN_STORES =
  'the nodes of two steps use different stores, so sockets look every 100 ms whether their session has ended'

function isAsWritten({ version, body }: SessionRecord, write: SessionWrite): boolean {
  return version === 1 && body === write.body
}

/** Everything of a store except the four verbs. */
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

    localSessionCount: () => (from.localSessionCount?.() ?? 0) + (to.localSessionCount?.() ?? 0),

    report() {
      const [old, next] = [from.report?.(), to.report?.()]
      return { ...old, ...next, warnings: [...(old?.warnings ?? []), ...(next?.warnings ?? [])] }
    },
  }
}

function inBoth(one: Capabilities, other: Capabilities): Capabilities {
  const names = ['shared', 'survivesNodeDeath', 'survivesStoreRestart', 'fences'] as const
  const both = names.map((name) => [name, one[name] === 'held' ? other[name] : one[name]] as const)
  return { ...(Object.fromEntries(both) as unknown as Capabilities), notifies: { excused: BETWEEN_STORES } }
}
