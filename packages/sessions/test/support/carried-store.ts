/**
 * A browser in front of a carrier, as a store: each verb is a request of its own, which brings the session's cookie and
 * takes home the one of the answer. So the conformance suite sees of sessions that travel what it sees of those that are kept.
 */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/clock.ts'
import type { SessionKey, SessionRecord, SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { decodeBody, encodeBody } from '../../src/record/record.ts'
import { newSessionId, secretDigest, type SessionId, sessionKey, userTag } from '../../src/secrets/id.ts'
import { tokenStore, type TokenStoreOptions } from '../../src/stores/token/token.ts'
import { KEY } from './shop.ts'

/** The cookies of one browser, by the name that the suite has for a session. */
export type Jar = Map<SessionKey, { readonly id: SessionId; value?: string | undefined }>

export function carriedStore(options: TokenStoreOptions, jar: Jar): SessionStore {
  const token = tokenStore(options)
  const carrier = token.carrier({
    shared: options.revocations,
    keys: [KEY],
    cookieName: 'sid',
    valueBytesMax: Infinity,
    clock: systemClock,
    // So that a session that ended stays so as long as its fence says, and not as long as a cookie could live.
    lifetimeMaxMs: 1,
    onEvent: () => {},
  })
  let isClosed = false

  const request = async <T>(
    name: SessionKey,
    act: (store: SessionStore, key: SessionKey) => Promise<T>,
  ): Promise<T> => {
    if (isClosed) throw new StoreUnavailableError(token.name)
    const { id, value } = cookieOf(name)
    const { store, seal } = carrier.receive(value === undefined ? [] : [value])
    const result = await act(store, sessionKey(id.handle))
    const sealed = await seal(id)
    if (sealed !== undefined) jar.set(name, { id, value: sealed })
    return result
  }

  const cookieOf = (name: SessionKey) => {
    const cookie = jar.get(name) ?? { id: newSessionId(randomBytes) }
    jar.set(name, cookie)
    return cookie
  }

  return {
    ...token,
    read: (name) => request(name, async (store, key) => unwrapped(await store.read(key))),
    touch: (name, expiresAtMs) => request(name, (store, key) => store.touch(key, expiresAtMs)),

    async destroy(name, destroy) {
      await request(name, (store, key) => store.destroy(key, destroy))
      // The answer takes the cookie back.
      jar.set(name, { id: cookieOf(name).id })
    },

    write: (name, write) =>
      request(name, async (store, key) => {
        const body = wrapped(write.body, cookieOf(name).id)
        const result = await store.write(key, { ...write, body })
        return result.status === 'conflict'
          ? { ...result, current: unwrapped(result.current) as SessionRecord }
          : result
      }),

    async health() {
      if (isClosed) throw new StoreUnavailableError(token.name)
      await token.health()
    },

    async close() {
      isClosed = true
    },
  }
}

/** A carrier looks into a body for its secrets: the suite's becomes the data of one. */
function wrapped(text: string, { secret }: SessionId): string {
  const head = { createdAtMs: 0, usedAtMs: undefined, epoch: 0, retired: [], answersText: undefined }
  const dataText = JSON.stringify({ text })
  return encodeBody({ ...head, secretDigest: secretDigest(secret), user: userTag('suite'), dataText })
}

function unwrapped(record: SessionRecord | undefined): SessionRecord | undefined {
  if (record === undefined) return undefined
  const { text } = JSON.parse(decodeBody(record.body).dataText) as { text: string }
  return { ...record, body: text }
}
