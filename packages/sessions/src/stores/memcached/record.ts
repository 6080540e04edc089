/**
 * A record as Memcached keeps it: a line with its version and its expiry, and then its body. Memcached counts in seconds, so the
 * instant in the value decides, and Memcached's own expiry only frees the memory, a little later. A fence is version 0.
 */
import type { SessionRecord } from '../../contract.ts'

/** From here on, Memcached takes a lifetime for an instant of its own clock. */
const RELATIVE_MAX_S = 30 * 24 * 60 * 60
/** Memcached's second may have begun already, and its timer ticks once a second. */
const MARGIN_S = 2
/** The latest instant that it takes, in 2038. */
const INSTANT_MAX_S = 2 ** 31 - 1
/** 0 would be for ever. */
const OVER = -1

export const FENCE_VERSION = 0

export function encoded({ version, expiresAtMs, body }: SessionRecord): string {
  return `${version} ${expiresAtMs}\n${body}`
}

/** Undefined for what is no record of ours. */
export function decoded(value: string): SessionRecord | undefined {
  const end = value.indexOf('\n')
  const [, version, expiresAtMs] = /^(\d+) (-?[\d.]+(?:e\+\d+)?)$/.exec(value.slice(0, Math.max(0, end))) ?? []
  if (version === undefined) return undefined
  return { version: Number(version), expiresAtMs: Number(expiresAtMs), body: value.slice(end + 1) }
}

/** The lifetime that a command takes. `clockAheadMs`: how much the server's clock is ahead of the node's. */
export function lifetimeS(expiresAtMs: number, nowMs: number, clockAheadMs: number): number {
  const leftS = Math.ceil((expiresAtMs - nowMs) / 1_000)
  if (leftS <= 0) return OVER
  if (leftS + MARGIN_S <= RELATIVE_MAX_S) return leftS + MARGIN_S
  return Math.min(INSTANT_MAX_S, Math.ceil((expiresAtMs + clockAheadMs) / 1_000) + MARGIN_S)
}
