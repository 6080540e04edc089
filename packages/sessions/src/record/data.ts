/**
 * What an application keeps in a session, as text and back. JSON, with two differences: a Date comes back as a Date, and a
 * value that JSON would quietly turn into another (a Map into `{}`, NaN into null) is refused with its path, because what
 * is lost that way is noticed days later. A plain session pays one walk over its values for both.
 */
import { RecordUnreadableError, SessionTooLargeError, SessionValueError } from '../errors.ts'

/** What an application keeps in a session, by top-level field. */
export type SessionData = Record<string, unknown>

/** How a Date is written: an object with this one field. */
const DATE_FIELD = '$date'
const DEPTH_MAX = 100
const LARGEST_NAMED = 3

export const EMPTY_DATA = '{}'

/** Throws SessionValueError, with the path of the value, for what would not come back as it is. */
export function encodeData(data: SessionData): string {
  const found = contents(data, 0)
  if (found === 'refused') refuse(data, '', 0)
  return found === 'with a Date' ? JSON.stringify(data, writeDate) : JSON.stringify(data)
}

/** Throws SessionValueError for a value that JSON, without our way with Dates, would give back as another. */
export function assertJson(value: unknown, path: string): void {
  const found = contents(value, 0)
  if (found === 'with a Date') throw new SessionValueError(path, 'a Date, or has one inside')
  if (found === 'refused') refuse(value, path, 0)
}

/** A private copy, in which a field named `__proto__` can't become the prototype of what it is copied to. */
export function decodeData(text: string): SessionData {
  const data = parse(text)
  if (Object.hasOwn(data, '__proto__')) delete data['__proto__']
  return data
}

/** A copy that shares nothing with the data. Throws SessionValueError as `encodeData` does. */
export function copyOf(data: SessionData): SessionData {
  return decodeData(encodeData(data))
}

/**
 * The fields, with the objects of `held` where these would be written as the same text: what a handler keeps hold of is still the
 * session's then, and what it changes in there is written.
 */
export function withHeldObjects(fields: SessionData, held: SessionData): SessionData {
  const isHeld = (name: string): boolean =>
    typeof held[name] === 'object' && Object.hasOwn(held, name) && textOf(held[name]) === textOf(fields[name])
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isHeld(name) ? held[name] : value]))
}

function textOf(value: unknown): string {
  return JSON.stringify({ value }, writeDate)
}

type Contents = 'plain' | 'with a Date' | 'refused'

/** What kind of values are in it. Every commit asks, so nothing is put together here that only an error needs. */
function contents(value: unknown, depth: number): Contents {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return 'plain'
    case 'number':
      return Number.isFinite(value) ? 'plain' : 'refused'
    case 'object':
      return value === null ? 'plain' : contentsOfObject(value, depth)
    case 'bigint':
    case 'function':
    case 'symbol':
      return 'refused'
  }
}

function contentsOfObject(value: object, depth: number): Contents {
  if (depth > DEPTH_MAX) return 'refused'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'refused' : 'with a Date'
  const isArray = Array.isArray(value)
  if ((!isArray && !isPlain(value)) || readsLikeDate(value)) return 'refused'
  const keys = Object.keys(value)
  // Fewer keys are holes, which JSON turns into null; more are properties, which it drops.
  if (isArray && keys.length !== value.length) return 'refused'
  let found: Contents = 'plain'
  for (const key of keys) {
    const item = (value as SessionData)[key]
    const inner = isArray && item === undefined ? 'refused' : contents(item, depth + 1)
    if (inner === 'refused') return inner
    if (inner !== 'plain') found = inner
  }
  return found
}

/** Throws SessionValueError for the first value in it that is refused. */
function refuse(value: unknown, path: string, depth: number): void {
  if (contents(value, depth) !== 'refused') return
  if (typeof value !== 'object' || value === null) {
    throw new SessionValueError(path, typeof value === 'number' ? String(value) : `a ${typeof value}`)
  }
  if (depth > DEPTH_MAX) throw new SessionValueError(path, `nested deeper than ${DEPTH_MAX}, or in a circle`)
  if (value instanceof Date) throw new SessionValueError(path, 'an invalid Date')
  if (!Array.isArray(value) && !isPlain(value)) throw new SessionValueError(path, `a ${nameOf(value)}`)
  if (readsLikeDate(value)) throw new SessionValueError(path, 'an object that would come back like a Date')
  if (Array.isArray(value)) refuseInArray(value, path)
  for (const [key, inner] of Object.entries(value)) refuse(inner, path === '' ? key : `${path}.${key}`, depth + 1)
}

function refuseInArray(array: readonly unknown[], path: string): void {
  const hole = array.findIndex((item) => item === undefined)
  if (hole !== -1) throw new SessionValueError(`${path}.${hole}`, 'undefined in an array', 'Use null.')
  const property = Object.keys(array).find((key) => !/^\d+$/.test(key))
  if (property !== undefined) {
    throw new SessionValueError(`${path}.${property}`, 'a property of an array', 'Use an object for both.')
  }
}

function nameOf({ constructor }: object): string {
  return typeof constructor === 'function' ? constructor.name : 'value of its own kind'
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function writeDate(this: SessionData, key: string, value: unknown): unknown {
  const raw = this[key]
  return raw instanceof Date ? { [DATE_FIELD]: raw.toISOString() } : value
}

function readDate(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && readsLikeDate(value) ? new Date(value[DATE_FIELD]) : value
}

function readsLikeDate(value: object): value is { [DATE_FIELD]: string } {
  return DATE_FIELD in value && typeof value[DATE_FIELD] === 'string' && Object.keys(value).length === 1
}

function parse(text: string): SessionData {
  try {
    const value: unknown = text.includes(DATE_FIELD) ? JSON.parse(text, readDate) : JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SessionData
  } catch (cause) {
    throw new RecordUnreadableError('it is not JSON', cause)
  }
  throw new RecordUnreadableError('it is not an object')
}

/** Throws SessionTooLargeError with the fields that take most. */
export function assertFits(data: SessionData, dataText: string, bytesMax: number): void {
  const bytes = Buffer.byteLength(dataText)
  if (bytes <= bytesMax) return
  throw new SessionTooLargeError(bytes, bytesMax, largestFields(data, LARGEST_NAMED))
}

export interface FieldSize {
  readonly field: string
  readonly bytes: number
}

export function largestFields(data: SessionData, max: number): readonly FieldSize[] {
  const sizes = Object.entries(data).map(([field, value]) => ({
    field,
    bytes: Buffer.byteLength(JSON.stringify(value) ?? ''),
  }))
  return sizes.sort((one, other) => other.bytes - one.bytes).slice(0, max)
}
