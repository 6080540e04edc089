/**
 * Sessions on their way from one store to another, while people use them: nobody is logged out, and no acknowledged change is
 * lost. Three steps, each one deployment of all nodes, in which nodes of two neighbouring steps run beside each other:
 *
 *     ready     everything is as it was, but what has moved already would be found
 *     move      a session moves at its next write, a new one begins in the new store
 *     finish    new ones are not known to the old store any more; after the longest life of a session it is empty
 *
 * What the old store says of a key goes first. A session moves by one compare-and-set there, which puts a mark in place of
 * its body: until then the copy in the new store is nobody's, from then on it is the session. So of two who move one
 * session, or of one who moves it and one who writes or ends it where it was, one is told of the conflict. The copy has a
 * key of its own, which no other attempt to move shares. Versions go on counting: the mark says where they were.
 *
 * Rejected: writing to both and comparing later. Of two stores one is behind at any instant, and which one, nobody knows.
 */
import { randomBytes } from 'node:crypto'
import type {
  Capabilities,
  Receipt,
  SessionKey,
  SessionRecord,
  SessionStore,
  SessionWrite,
  WriteResult,
} from '../contract.ts'

export type MovingStep = 'ready' | 'move' | 'finish'

export interface MovingStoreOptions {
  readonly from: SessionStore
  readonly to: SessionStore
  readonly step: MovingStep
}

/** Where a session has gone, and what to add to its version there. */
interface Mark {
  readonly key: SessionKey
  readonly addVersions: number
}

/** Bodies are JSON, which never begins like this. */
const MARK = '\0moved '
const SUFFIX_BYTES = 6

export function movingStore({ from, to, step }: MovingStoreOptions): SessionStore {
  const mover = sessionMover(from, to)

  const write = async (key: SessionKey, write: SessionWrite): Promise<WriteResult> => {
    const old = await from.read(key)
    const mark = markOf(old)
    if (mark !== undefined) return await mover.writeMoved(key, mark, write)
    if (old === undefined && write.expectedVersion === 0) {
      return step === 'ready' ? await createdBefore(key, write) : await mover.create(key, write, step === 'move')
    }
    if (old === undefined) return await to.write(key, write)
    return step === 'ready' ? await seen(await from.write(key, write)) : await seen(await mover.move(key, write))
  }

  /** Another node may be a step ahead, and have it already. */
  const createdBefore = async (key: SessionKey, write: SessionWrite): Promise<WriteResult> => {
    const current = await to.read(key)
    return current === undefined ? await seen(await from.write(key, write)) : { status: 'conflict', current }
  }

  /** A conflict with a mark is one with what it leads to. */
  const seen = async (result: WriteResult): Promise<WriteResult> => {
    const mark = result.status === 'conflict' ? markOf(result.current) : undefined
    if (mark === undefined) return result
    const current = await mover.readMoved(mark)
    return current === undefined ? { status: 'gone' } : { status: 'conflict', current }
  }

  return {
    ...both(from, to),

    async read(key, options) {
      const old = await from.read(key)
      const mark = markOf(old)
      if (mark !== undefined) return await mover.readMoved(mark, options?.atLeastVersion)
      if (old === undefined) return await to.read(key, options)
      return old.version >= (options?.atLeastVersion ?? 0) ? old : await from.read(key, options)
    },

    write,

    async touch(key, expiresAtMs) {
      const old = await from.read(key)
      const mark = markOf(old)
      if (mark === undefined) return await (old === undefined ? to : from).touch(key, expiresAtMs)
      // The mark first: while it is there, so is the session.
      await from.touch(key, expiresAtMs)
      return await to.touch(mark.key, expiresAtMs)
    },

    async destroy(key, options) {
      const mark = markOf(await from.read(key))
      const receipts = [await from.destroy(key, options), await to.destroy(key, options)]
      if (mark !== undefined && mark.key !== key) receipts.push(await to.destroy(mark.key, options))
      return fewest(receipts)
    },
  }
}

/** All but the verbs. */
function both(from: SessionStore, to: SessionStore) {
  return {
    name: `${from.name} to ${to.name}`,
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
  }
}

/** What is done to a key in both stores, and its inverse: what the new one has, seen from outside. */
function sessionMover(from: SessionStore, to: SessionStore) {
  const readMoved = async ({ key, addVersions }: Mark, atLeastVersion = 0): Promise<SessionRecord | undefined> => {
    const record = await to.read(key, { atLeastVersion: Math.max(0, atLeastVersion - addVersions) })
    return record && { ...record, version: record.version + addVersions }
  }

  return {
    readMoved,

    /** The new store says who is first; the old one tells it to nodes that look there. */
    async create(key: SessionKey, write: SessionWrite, marks: boolean): Promise<WriteResult> {
      const created = await to.write(key, write)
      if (created.status !== 'written' || !marks) return created
      const marked = await from.write(key, { ...write, body: markText({ key, addVersions: 0 }) })
      if (marked.status === 'written') return created
      await to.destroy(key, NO_FENCE)
      return marked
    },

    async move(key: SessionKey, write: SessionWrite): Promise<WriteResult> {
      const copy = `${key}.${randomBytes(SUFFIX_BYTES).toString('hex')}` as SessionKey
      const copied = await to.write(copy, { ...write, expectedVersion: 0 })
      if (copied.status !== 'written') return copied
      const mark = markText({ key: copy, addVersions: write.expectedVersion })
      const marked = await from.write(key, { ...write, body: mark })
      if (marked.status === 'written') return { ...marked, receipt: copied.receipt }
      await to.destroy(copy, NO_FENCE)
      return marked
    },

    async writeMoved(key: SessionKey, mark: Mark, write: SessionWrite): Promise<WriteResult> {
      const expectedVersion = write.expectedVersion - mark.addVersions
      if (expectedVersion <= 0) {
        const current = await readMoved(mark)
        return current === undefined ? { status: 'gone' } : { status: 'conflict', current }
      }
      // The mark first: while it is there, so is the session.
      if (!(await from.touch(key, write.expiresAtMs))) return { status: 'gone' }
      const result = await to.write(mark.key, { ...write, expectedVersion })
      if (result.status === 'written') return { ...result, version: result.version + mark.addVersions }
      if (result.status === 'gone') return result
      const { current } = result
      return { status: 'conflict', current: { ...current, version: current.version + mark.addVersions } }
    },
  }
}

/** Of what nobody has seen. */
const NO_FENCE = { fenceUntilMs: 0 }

function markText({ key, addVersions }: Mark): string {
  return `${MARK}${addVersions} ${key}`
}

function markOf(record: SessionRecord | undefined): Mark | undefined {
  if (record?.body.startsWith(MARK) !== true) return undefined
  const [addVersions, key] = record.body.slice(MARK.length).split(' ')
  return { key: key as SessionKey, addVersions: Number(addVersions) }
}

function inBoth(one: Capabilities, other: Capabilities): Capabilities {
  const names = ['shared', 'survivesNodeDeath', 'survivesStoreRestart', 'fences'] as const
  const both = names.map((name) => [name, one[name] === 'held' ? other[name] : one[name]] as const)
  return Object.fromEntries(both) as unknown as Capabilities
}

function fewest(receipts: readonly Receipt[]): Receipt {
  return { copies: Math.min(...receipts.map(({ copies }) => copies)) }
}
