/**
 * Verifies the cookies of express-session, of koa-session, and of nothing else. A sibling domain can plant cookies of the same name
 * beside the client's own, so all of the name are looked at, up to a bound.
 */
import { createHmac } from 'node:crypto'
import { isSigned, unescaped } from '../secrets/genuine-cookie.ts'
import { sameDigest } from '../secrets/id.ts'

export interface OldCookieOptions {
  readonly writtenBy: 'express-session' | 'koa-session'
  readonly cookieName: string
  /** Newest first; undefined where no cookie is to be verified. */
  readonly secrets: readonly string[] | undefined
  readonly signed: boolean
  readonly idPrefix?: string | undefined
}

export interface OldCookies {
  readonly cookieNames: readonly string[]
  readonly idsIn?: (cookieHeader: string) => readonly string[]
}

/** Of one name, in one request. */
const COOKIES_MAX = 8
const ID_CHARS_MAX = 512
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

export function oldCookies(options: OldCookieOptions): OldCookies {
  const { writtenBy, cookieName, secrets, signed, idPrefix = '' } = options
  if (writtenBy === 'express-session') {
    const idsIn = secrets && ((header: string) => expressIds(cookiesIn(header, cookieName), secrets))
    return { cookieNames: [cookieName], ...(idsIn && { idsIn: bounded(idsIn) }) }
  }
  if (!signed) {
    // Without a signature any key of Redis could be named, so an id has to look like one.
    const isId = (id: string): boolean => id.startsWith(idPrefix) && UUID.test(id.slice(idPrefix.length))
    return { cookieNames: [cookieName], idsIn: bounded((header) => cookiesIn(header, cookieName).filter(isId)) }
  }
  const idsIn = secrets && ((header: string) => koaIds(header, cookieName, secrets))
  return { cookieNames: [cookieName, `${cookieName}.sig`], ...(idsIn && { idsIn: bounded(idsIn) }) }
}

function bounded(idsIn: (header: string) => string[]): (header: string) => readonly string[] {
  return (header) => [...new Set(idsIn(header))].filter((id) => id !== '' && id.length <= ID_CHARS_MAX)
}

/** `s:id.signature`, escaped. */
function expressIds(values: readonly string[], secrets: readonly string[]): string[] {
  const cookies = values.map(unescaped).filter((cookie) => cookie.startsWith('s:') && isSigned(cookie, secrets))
  return cookies.map((cookie) => cookie.slice(2, cookie.lastIndexOf('.')))
}

/** The id as it is, with the signature of name and id in a second cookie, as Keygrip makes it. */
function koaIds(header: string, name: string, secrets: readonly string[]): string[] {
  const signatures = cookiesIn(header, `${name}.sig`)
  if (signatures.length === 0) return []
  return cookiesIn(header, name).filter((id) =>
    secrets.some((secret) => {
      const signature = createHmac('sha1', secret).update(`${name}=${id}`).digest('base64url')
      return signatures.some((each) => sameDigest(each, signature))
    }),
  )
}

/** The values of the cookies of this name. */
function cookiesIn(header: string, name: string): string[] {
  const cookies = header.split(';').map((cookie) => cookie.trim())
  const named = cookies.filter((cookie) => cookie.startsWith(`${name}=`)).slice(0, COOKIES_MAX)
  return named.map((cookie) => cookie.slice(name.length + 1))
}
