/**
 * The body of a record: what the engine keeps of a session besides its version and expiry. The names on the wire are one
 * letter long because a million idle sessions pay for each of them; `d` comes last, so that the application's own text is
 * a slice of the body and comparing "changed or not" parses nothing.
 */
import { RecordUnreadableError } from './errors.ts'

/** What an application keeps in a session: JSON, by top-level field. */
export type SessionData = Record<string, unknown>

export interface RetiredSecret {
  readonly digest: string
  /** Until then the old id still works: requests that were under way when it was rotated. */
  readonly graceUntilMs: number
}

export interface Body {
  readonly createdAtMs: number
  readonly secretDigest: string
  readonly retired: readonly RetiredSecret[]
  readonly dataText: string
}

const SCHEMA = 1
const DATA_MARK = ',"d":'

export function encodeBody(body: Body): string {
  const retired = body.retired.length === 0 ? '' : `,"r":${JSON.stringify(body.retired.map(packRetired))}`
  return `{"s":${SCHEMA},"c":${body.createdAtMs},"k":"${body.secretDigest}"${retired}${DATA_MARK}${body.dataText}}`
}

/** Throws RecordUnreadableError for what this program can't have written, or a later one did. */
export function decodeBody(text: string): Body {
  // Nothing before the data can hold this mark: those are numbers and digests.
  const dataAt = text.indexOf(DATA_MARK)
  if (dataAt === -1 || !text.endsWith('}')) throw new RecordUnreadableError('it is cut off')
  const head = parse(`${text.slice(0, dataAt)}}`) as Head
  if (head.s !== SCHEMA) throw new RecordUnreadableError(`its schema is ${String(head.s)}, not ${SCHEMA}`)
  if (typeof head.c !== 'number' || typeof head.k !== 'string')
    throw new RecordUnreadableError('a part of it is missing')
  return {
    createdAtMs: head.c,
    secretDigest: head.k,
    retired: (head.r ?? []).map(([digest, graceUntilMs]) => ({ digest, graceUntilMs })),
    dataText: text.slice(dataAt + DATA_MARK.length, -1),
  }
}

/** A private copy, in which a field named `__proto__` can't become the prototype of what it is copied to. */
export function parseData(dataText: string): SessionData {
  const data = parse(dataText)
  if (Object.hasOwn(data, '__proto__')) delete data['__proto__']
  return data
}

function packRetired(secret: RetiredSecret): [string, number] {
  return [secret.digest, secret.graceUntilMs]
}

interface Head {
  s?: unknown
  c?: unknown
  k?: unknown
  r?: [string, number][]
}

function parse(text: string): SessionData {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SessionData
  } catch (cause) {
    throw new RecordUnreadableError('it is not JSON', cause)
  }
  throw new RecordUnreadableError('it is not an object')
}
