/**
 * A session's stub is the part of it that stays on the server and that all nodes share: its secrets and its user as of their last
 * change, or that it has ended. A cookie can be copied and sent again; the stub tells a copy that was rotated away or ended
 * since. A visitor's session has one only once it was rotated or ended.
 */
import type { SessionKey, SessionRecord } from '../../contract.ts'
import { EMPTY_DATA } from '../../record/data.ts'
import { type Body, decodeBody, encodeBody } from '../../record/record.ts'
import { isUnconfirmed } from '../../record/bearer-status.ts'

export interface LiveStub {
  /** Of the session as it was when this was written, and when it got this version. */
  readonly version: number
  readonly versionAtMs: number
  readonly expiresAtMs: number
  /** The session's, without its data. */
  readonly body: Body
}

/** With the stub's own version in the store. */
export interface StoredStub {
  readonly stubVersion: number
  readonly stub: LiveStub | typeof ENDED
}

export const ENDED = 'ended'
/** JSON, because a database may keep a body as that. */
const ENDED_TEXT = '{"ended":true}'
const LIVE = /^\{"at":\[(\d+),(\d+),(\d+)\],"body":(.*)\}$/s

export function stubKey(key: SessionKey): SessionKey {
  return `~t${key}` as SessionKey
}

export function encodeStub(stub: StoredStub['stub']): string {
  if (stub === ENDED) return ENDED_TEXT
  const { version, versionAtMs, expiresAtMs, body } = stub
  const text = encodeBody({ ...body, answersText: undefined, dataText: EMPTY_DATA })
  return `{"at":[${version},${versionAtMs},${expiresAtMs}],"body":${text}}`
}

/** Throws RecordUnreadableError. */
export function decodeStub({ version: stubVersion, body: text }: SessionRecord): StoredStub {
  const [, version, versionAtMs, expiresAtMs, body = ''] = LIVE.exec(text) ?? []
  if (text === ENDED_TEXT) return { stubVersion, stub: ENDED }
  return {
    stubVersion,
    stub: {
      version: Number(version),
      versionAtMs: Number(versionAtMs),
      expiresAtMs: Number(expiresAtMs),
      body: decodeBody(body),
    },
  }
}

/** A client's data under the secrets that the nodes know of. */
export function withSecretsOf(
  { body: { secretDigest, retired, user, epoch, createdAtMs } }: LiveStub,
  body: Body,
): Body {
  return { ...body, secretDigest, retired, user, epoch, createdAtMs }
}

/** Whether the change from `before` to `after` is one that the nodes have to know of. */
export function changesStub(stub: LiveStub | undefined, before: Body | undefined, after: Body): boolean {
  if (stub === undefined)
    return after.user !== undefined || (before !== undefined && before.secretDigest !== after.secretDigest)
  return stub.body.secretDigest !== after.secretDigest || (isUnconfirmed(stub.body) && !isUnconfirmed(after))
}
