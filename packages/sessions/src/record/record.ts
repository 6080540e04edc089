/**
 * The body of a record: what the engine keeps of a session besides its version and expiry. The names on the wire are one
 * letter long because a million idle sessions pay for each of them. `a` and `d` come last, so that the remembered keys and the
 * application's data are slices of the body: a request that needs neither parses neither.
 */
import { RecordUnreadableError } from '../errors.ts'
import { DIGEST_LENGTH, type UserTag } from '../secrets/id.ts'

export interface RetiredSecret {
  readonly digest: string
  /** Replaced together with the user: it sees nothing of the session any more. */
  readonly superseded: boolean
  readonly retiredAtMs: number
  /** Until then an alias works; undefined while the secret that replaced it has not been used. */
  readonly graceUntilMs: number | undefined
}

export interface Body {
  readonly createdAtMs: number
  /** When it was last used, where the expiry does not tell it; see expiry.ts. */
  readonly usedAtMs: number | undefined
  /** How long this session may be unused, where the application has said so; see UNTIL_BROWSER_CLOSES. */
  readonly maxAgeMs?: number
  readonly secretDigest: string
  /** Whose session it is; undefined for a visitor's. */
  readonly user: UserTag | undefined
  /** How often all of the user's sessions had been ended when this one became theirs. */
  readonly epoch: number
  readonly retired: readonly RetiredSecret[]
  /** What repeated requests are answered with, as it stands in the record; see remembered-keys.ts. */
  readonly answersText: string | undefined
  readonly dataText: string
}

/** A stored session as a request has seen it: what the request's changes start from. */
export interface Snapshot {
  readonly version: number
  readonly expiresAtMs: number
  readonly body: Body
}

/** A `maxAgeMs` of a session that has the usual idle time, and a cookie that ends with the browser. */
export const UNTIL_BROWSER_CLOSES = 0

/** Eight digits for an instant instead of thirteen. */
const INSTANT_RADIX = 36
const ANSWERS_MARK = ',"a":'
const DATA_MARK = ',"d":'

export function encodeBody(body: Body): string {
  const epoch = body.epoch === 0 ? '' : `,"e":${body.epoch}`
  const user = body.user === undefined ? '' : `,"u":"${body.user}"${epoch}`
  const retired = body.retired.length === 0 ? '' : `,"r":${JSON.stringify(body.retired.map(packRetired))}`
  // A text within the text: whatever is in the answers, its quotes are escaped and can't look like the mark of the data.
  const answers = body.answersText === undefined ? '' : ANSWERS_MARK + body.answersText
  const createdAt = body.createdAtMs.toString(INSTANT_RADIX)
  const usedAt = body.usedAtMs === undefined ? '' : `,"t":"${body.usedAtMs.toString(INSTANT_RADIX)}"`
  const maxAge = body.maxAgeMs === undefined ? '' : `,"m":${body.maxAgeMs}`
  const head = `{"k":"${body.secretDigest}${createdAt}"${usedAt}${maxAge}${user}${retired}${answers}`
  return `${head}${DATA_MARK}${body.dataText}}`
}

const USER = /^\{"k":"[^"]*"(?:,"t":"\w+")?(?:,"m":[\d.]+)?,"u":"([\w-]{22})"/

/** Whose session it is, without decoding the rest. */
export function userInBody(text: string): UserTag | undefined {
  return USER.exec(text)?.[1] as UserTag | undefined
}

/** Throws RecordUnreadableError for what this program can't have written, or a later one did. */
export function decodeBody(text: string): Body {
  const dataAt = text.indexOf(DATA_MARK)
  if (dataAt === -1 || !text.endsWith('}')) throw new RecordUnreadableError('it is cut off')
  const beforeData = text.slice(0, dataAt)
  // What stands before it is made of digests, instants and numbers, and can't look like the mark.
  const answersAt = beforeData.indexOf(ANSWERS_MARK)
  const head = parseHead(`${answersAt === -1 ? beforeData : beforeData.slice(0, answersAt)}}`)
  // The first schema goes without saying; whatever comes after it will say so.
  if (head.s !== undefined)
    throw new RecordUnreadableError(`its schema is ${JSON.stringify(head.s)}, later than this program's`)
  const createdAtMs =
    typeof head.k === 'string' ? Number.parseInt(head.k.slice(DIGEST_LENGTH), INSTANT_RADIX) : Number.NaN
  if (typeof head.k !== 'string' || Number.isNaN(createdAtMs) || !Array.isArray(head.r ?? []))
    throw new RecordUnreadableError('a part of it is missing')
  return {
    createdAtMs,
    usedAtMs: head.t === undefined ? undefined : Number.parseInt(head.t, INSTANT_RADIX),
    ...(head.m !== undefined && { maxAgeMs: head.m }),
    secretDigest: head.k.slice(0, DIGEST_LENGTH),
    user: head.u,
    epoch: head.e ?? 0,
    retired: (head.r ?? []).map(unpackRetired),
    answersText: answersAt === -1 ? undefined : beforeData.slice(answersAt + ANSWERS_MARK.length),
    dataText: text.slice(dataAt + DATA_MARK.length, -1),
  }
}

type PackedSecret = [digest: string, superseded: 0 | 1, retiredAtMs: number, graceUntilMs: number]
const UNCONFIRMED = 0

function packRetired({ digest, superseded, retiredAtMs, graceUntilMs }: RetiredSecret): PackedSecret {
  return [digest, superseded ? 1 : 0, retiredAtMs, graceUntilMs ?? UNCONFIRMED]
}

function unpackRetired([digest, superseded, retiredAtMs, graceUntilMs]: PackedSecret): RetiredSecret {
  if (typeof digest !== 'string') throw new RecordUnreadableError('a retired secret of it is none')
  const until = graceUntilMs === UNCONFIRMED ? undefined : graceUntilMs
  return { digest, superseded: superseded === 1, retiredAtMs, graceUntilMs: until }
}

interface Head {
  s?: unknown
  /** The secret's digest, and when the session began. */
  k?: unknown
  /** When it was last used. */
  t?: string
  /** How long it may be unused. */
  m?: number
  u?: UserTag
  e?: number
  r?: PackedSecret[]
}

function parseHead(text: string): Head {
  try {
    return JSON.parse(text) as Head
  } catch (cause) {
    throw new RecordUnreadableError('it is not JSON', cause)
  }
}
