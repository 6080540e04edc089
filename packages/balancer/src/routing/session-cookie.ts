/**
 * The session layer's cookie in a request. A sibling domain can plant cookies of the same name, which browsers send too, and often
 * first. The balancer has no key to verify them, but it knows the form of a genuine one.
 */
import { findCookie } from './affinity-cookies.ts'

/** `handle.secret.signature`, with the user's tag before the signature. */
const SEALED = /^[\w-]{22}\.[\w-]{43}(?:\.[\w-]{22})?\.[\w-]{43}$/

/** With TLS its name has the prefix `__Host-`, which no other domain can plant. Of another session layer, the first cookie counts. */
export function sessionCookieIn(cookieHeader: string | undefined, name: string): string | undefined {
  if (cookieHeader === undefined) return undefined
  const hostName = `__Host-${name}`
  return (
    findCookie(cookieHeader, hostName, sealed) ??
    findCookie(cookieHeader, name, sealed) ??
    findCookie(cookieHeader, hostName, nonEmpty) ??
    findCookie(cookieHeader, name, nonEmpty)
  )
}

function sealed(value: string): string | undefined {
  return SEALED.test(value) ? value : undefined
}

function nonEmpty(value: string): string | undefined {
  return value === '' ? undefined : value
}
