/**
 * What the nodes share of sessions that travel in their cookies, as a store: a session is its stub there, without data. For what
 * is done outside of a session's own requests: a user's sessions are listed and ended by it.
 */
import type { CarrierOptions } from '../../carrier.ts'
import type { SessionKey, SessionRecord, SessionStore, WriteResult } from '../../contract.ts'
import { isAuxiliary } from '../../secrets/id.ts'
import { StoreUnavailableError } from '../../errors.ts'
import { decodeBody, encodeBody } from '../../record/record.ts'
import { decodeStub, ENDED, encodeStub, type StoredStub, stubKey } from './stubs.ts'

export interface StubStore extends SessionStore {
  readonly readStub: (key: SessionKey) => Promise<StoredStub | undefined>
  /** A compare-and-set on the stub's own version; 0 creates it. */
  readonly writeStub: (
    key: SessionKey,
    expectedVersion: number,
    stub: StoredStub['stub'],
    more?: { readonly untilMs?: number; readonly givesWay?: boolean },
  ) => Promise<WriteResult>
}

/** How often the last use of a session is noted in its stub, for the lists of users. */
export const NOTE_EVERY_MS = 5 * 60_000
/** Each retry follows a change by another node. */
export const TRIES_MAX = 32

export function stubStore(
  { shared, clock, lifetimeMaxMs }: CarrierOptions,
  hasEnded: (key: SessionKey) => void,
): StubStore {
  const readStub: StubStore['readStub'] = async (key) => {
    const record = await shared.read(stubKey(key))
    return record && decodeStub(record)
  }

  const writeStub: StubStore['writeStub'] = (key, expectedVersion, stub, { untilMs = 0, givesWay } = {}) => {
    const isVisitors = stub !== ENDED && stub.body.user === undefined
    return shared.write(stubKey(key), {
      expectedVersion,
      // As long as any cookie of the session can be accepted.
      expiresAtMs: Math.max(untilMs, clock.now() + lifetimeMaxMs),
      body: encodeStub(stub),
      givesWay: givesWay ?? isVisitors,
    })
  }

  const asRecord = ({ stub, stubVersion }: StoredStub): SessionRecord | undefined => {
    // A use after that would have been noted.
    if (stub === ENDED || stub.expiresAtMs + NOTE_EVERY_MS <= clock.now()) return undefined
    return { version: stubVersion, expiresAtMs: stub.expiresAtMs, body: encodeBody(stub.body) }
  }

  return {
    ...shared,
    readStub,
    writeStub,

    async read(key) {
      if (isAuxiliary(key)) return await shared.read(key)
      const known = await readStub(key)
      return known && asRecord(known)
    },

    async write(key, write): Promise<WriteResult> {
      if (isAuxiliary(key)) return await shared.write(key, write)
      const known = await readStub(key)
      const current = known && asRecord(known)
      if (current === undefined || known?.stub === ENDED || known === undefined) return { status: 'gone' }
      const { expectedVersion, expiresAtMs, body } = write
      if (current.version !== expectedVersion) return { status: 'conflict', current }
      const stub = { ...known.stub, expiresAtMs, body: decodeBody(body) }
      const written = await writeStub(key, expectedVersion, stub)
      if (written.status !== 'conflict') return written
      const there = asRecord(decodeStub(written.current))
      return there === undefined ? { status: 'gone' } : { status: 'conflict', current: there }
    },

    /** Only the session's own request can extend it. */
    touch: async (key, expiresAtMs) => (isAuxiliary(key) ? await shared.touch(key, expiresAtMs) : false),

    async destroy(key, options) {
      if (isAuxiliary(key)) return await shared.destroy(key, options)
      hasEnded(key)
      for (let tries = 1; tries <= TRIES_MAX; tries++) {
        const known = await readStub(key)
        const written = await writeStub(key, known?.stubVersion ?? 0, ENDED, {
          untilMs: options.fenceUntilMs,
          // A visitor's: any number of clients can begin and end such sessions.
          givesWay: known === undefined,
        })
        if (written.status === 'written') return
      }
      throw new StoreUnavailableError(shared.name, new Error("other nodes kept changing the session's stub"))
    },
  }
}
