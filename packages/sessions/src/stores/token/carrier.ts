/**
 * Sessions that travel in their cookies: a request opens those that it came with, changes them in this process (see
 * request-store.ts), and seals them into its answer's cookie. Nothing of their data is kept in a store.
 *
 * What the nodes share is in the store of the revocations: a session's stub (see stubs.ts), and the layer's own records, such as a
 * user's epoch, as every store has them.
 *
 * Two requests with copies of one cookie can't be ordered like two writers of a record: each answers with a cookie. Those that this
 * process serves at the same time are merged, because it remembers what it has just made. Of those on two nodes, the later
 * answer stays in the browser. With `rollback: 'detect'` each write raises the version in the stub, and the second is refused.
 */
import { LRUCache } from 'lru-cache'
import { type Carrier, type CarrierOptions, COOKIE_BYTES_MAX } from '../../carrier.ts'
import type { SessionKey, SessionRecord } from '../../contract.ts'
import { SessionTooLargeError } from '../../errors.ts'
import { decodeData, largestFields } from '../../record/data.ts'
import { decodeBody, userInBody } from '../../record/record.ts'
import type { Unsealed } from '../../secrets/cookie.ts'
import { sameDigest, secretDigest, type SessionId, sessionKey } from '../../secrets/id.ts'
import { type OwnSession, type RecentSessions, requestStore, type TokenRules } from './request-store.ts'
import { type TokenMode, tokenSealer } from './sealer.ts'
import { stubStore } from './stub-store.ts'

export interface TokenCarrierRules extends TokenRules {
  readonly mode: TokenMode
  /** For cookies that were opened before. */
  readonly cacheBytesMax: number
}

/** A cookie that was opened. */
interface OpenedCookie extends Unsealed {
  readonly key: SessionKey
  readonly record: SessionRecord
}

const COOKIES_OPENED_MAX = 4
/** Of the 2,900 bytes or so that a cookie has for all of a session. */
const IDEMPOTENCY_BYTES_MAX = 1_024
const RECENT_BYTES_MAX = 8 * 1024 * 1024
/** What an entry of a cache takes beside its text. */
const ENTRY_BYTES = 400
const PAYLOAD = /^([\w-]{22})\.([\w-]{43})\.(\d+)\.(\d+)\.(.*)$/s
const FIELDS_NAMED_MAX = 10

export function tokenCarrier(rules: TokenCarrierRules, options: CarrierOptions): Carrier {
  const { keys, cookieName, valueBytesMax, clock, onEvent } = options
  const sealer = tokenSealer(rules.mode, keys, cookieName)
  const opened = new LRUCache<string, OpenedCookie>({
    maxSize: rules.cacheBytesMax,
    sizeCalculation: ({ record }, value) => ENTRY_BYTES + 2 * (value.length + record.body.length),
  })
  const recent: RecentSessions = new LRUCache({
    maxSize: RECENT_BYTES_MAX,
    sizeCalculation: ({ record }) => ENTRY_BYTES + 2 * record.body.length,
  })
  const stubs = stubStore(options, (key) => recent.delete(key))

  const open = (value: string): OpenedCookie | undefined => {
    const token = sealer.open(value)
    const [, handle = '', secret = '', version, expiresAtMs, body = ''] = PAYLOAD.exec(token?.text ?? '') ?? []
    if (token === undefined || handle === '') return undefined
    const id = { handle, secret, user: userInBody(body) }
    const record = { version: Number(version), expiresAtMs: Number(expiresAtMs), body }
    const cookie = { id, outdated: token.outdated, key: sessionKey(handle), record }
    // A copy: the value is a slice of all the request's cookies, which it would keep in memory.
    opened.set(Buffer.from(value).toString(), cookie)
    return cookie
  }

  const assertFits = (record: SessionRecord, bytesMore: number): void => {
    const excess = sealer.lengthOf(Buffer.byteLength(payload(ANY_ID, record)) + bytesMore) - valueBytesMax
    if (excess <= 0) return
    const { dataText, answersText } = decodeBody(record.body)
    const fields = largestFields(decodeData(dataText), FIELDS_NAMED_MAX)
    const keyed =
      answersText === undefined ? [] : [{ field: 'idempotency keys', bytes: Buffer.byteLength(answersText) }]
    throw new SessionTooLargeError(COOKIE_BYTES_MAX + excess, COOKIE_BYTES_MAX, [...fields, ...keyed])
  }

  const surroundings = { rules, stubs, recent, clock, onEvent, assertFits }

  return {
    store: stubs,
    idempotencyBytesMax: IDEMPOTENCY_BYTES_MAX,

    receive(values) {
      const owned = new Map<SessionKey, OwnSession>()
      const presented: Unsealed[] = []
      for (const value of values) {
        if (presented.length === COOKIES_OPENED_MAX) break
        const cookie = opened.get(value) ?? open(value)
        const isLive = cookie !== undefined && cookie.record.expiresAtMs > clock.now()
        if (!isLive) onEvent({ event: 'cookie-refused', reason: cookie === undefined ? 'unreadable' : 'expired' })
        else if (!owned.has(cookie.key)) {
          presented.push(cookie)
          owned.set(cookie.key, { record: cookie.record, isAlias: false })
        }
      }

      return {
        store: requestStore(surroundings, owned),
        presented,

        async seal(id) {
          const own = owned.get(sessionKey(id.handle))
          if (own === undefined) return undefined
          const { record } = own
          if (!sameDigest(decodeBody(record.body).secretDigest, secretDigest(id.secret))) return undefined
          if (own.sealed?.record !== record) own.sealed = { record, value: sealer.seal(payload(id, record)) }
          return await own.sealed.value
        },
      }
    },
  }
}

/** All are of one length. */
const ANY_ID: SessionId = { handle: '-'.repeat(22), secret: '-'.repeat(43) }

function payload({ handle, secret }: SessionId, { version, expiresAtMs, body }: SessionRecord): string {
  return `${handle}.${secret}.${version}.${expiresAtMs}.${body}`
}
