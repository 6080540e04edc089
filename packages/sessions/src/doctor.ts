/**
 * Looks at a store before production does: whether it can be reached, how long reads and writes take, whether this account may do
 * what the store needs, and what in its server's settings and state loses sessions.
 */
import { randomBytes } from 'node:crypto'
import type { SessionKey, SessionStore } from './contract.ts'
import { StoreConfigError, StoreUnavailableError } from './errors.ts'
import type { Finding } from './findings.ts'
import { meshFindings } from './replication/checks.ts'
import { meshLocation } from './replication/mesh-url.ts'
import { openStore, splitMirror } from './stores/open-store.ts'

export type { Finding } from './findings.ts'

export interface Examination {
  /** The store's URL as it was given: show it without its password. */
  readonly url: string
  readonly findings: readonly Finding[]
}

const ROUNDS = 50
const SCRATCH_LIVES_MS = 60_000
const FENCE_MS = 1_000
const OPEN_MAX_MS = 3_000
/** A quarter of what a call may take by default. */
const P99_MAX_MS = 250
const MEDIAN_MAX_MS = 20
/** For a URL that leaves the secret to the process: nothing is encrypted with it here. */
const ANY_SECRET = 'x'.repeat(32)

const NO_RIGHT = /NOPERM|denied|permission/i

/** Stores over other stores, and the settings that name those. */
const OVER_OTHERS = /^(moving|token|hybrid):/i
const OTHERS = /^(?:from|to|over|revocations)=(.+)$/

/** Throws StoreConfigError for a URL that can't be used. One examination for each store in a URL such as that of `moving:`. */
export async function examine(url: string): Promise<readonly Examination[]> {
  if (/^(replicated|clustered):/i.test(url)) return [{ url, findings: await meshFindings(locationOf(url)) }]
  const { location, mirror } = splitMirror(url)
  if (mirror === undefined && !OVER_OTHERS.test(url)) return [{ url, findings: await storeFindings(url) }]
  // Refuses a URL that can't be used as a whole.
  const store = await openStore(url)
  await store.close()
  const parts = url.slice(url.indexOf('?') + 1).split('&')
  const others = mirror === undefined ? parts.flatMap((part) => OTHERS.exec(part)?.[1] ?? []) : [location, mirror]
  const examined = await Promise.all(
    others.map((each) => examine(mirror === undefined ? decodeURIComponent(each) : each)),
  )
  return [{ url, findings: capabilityFindings(store) }, ...examined.flat()]
}

/** As the first node: which one does not matter from outside. */
function locationOf(url: string) {
  const [, first = 'a'] = /[?&](?:peers|names)=([^=,&]+)/.exec(url) ?? []
  return meshLocation(url, { name: first, secret: ANY_SECRET })
}

async function storeFindings(url: string): Promise<readonly Finding[]> {
  const store = await openStore(withOpenBound(url))
  try {
    try {
      await store.open()
    } catch (error) {
      return [unusable(error)]
    }
    // First the check: a refused change may make the store connect anew.
    const checked = store.check === undefined ? capabilityFindings(store) : await store.check().catch(unchecked)
    return [...(await measure(store)), ...checked]
  } finally {
    await store.close()
  }
}

/** The person waits. */
function withOpenBound(url: string): string {
  const takesIt = /^(rediss?|memcacheds?|sqlite|postgres|postgresql|mysql|mariadb)(\+\w+)?:/i.test(url)
  if (!takesIt || /[?&]openTimeoutMs=/.test(url)) return url
  return `${url}${url.includes('?') ? '&' : '?'}openTimeoutMs=${OPEN_MAX_MS}`
}

function unusable(error: unknown): Finding {
  if (error instanceof StoreConfigError)
    return { level: 'loss', name: 'unusable', line: error.message, remedy: 'change that, and look again' }
  if (!(error instanceof StoreUnavailableError)) throw error
  const line = `it can't be reached: ${reasonOf(error)}`
  const remedy = 'start it, or mend the address, the user and the password in its URL'
  return { level: 'loss', name: 'unreachable', line, remedy }
}

function unchecked(error: unknown): Finding[] {
  if (!(error instanceof StoreUnavailableError)) throw error
  const line = `its settings could not be read: ${reasonOf(error)}`
  return [{ level: 'warning', name: 'unchecked', line, remedy: 'look again with an account that may read them' }]
}

/** The cause of a store's error says more. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** Reads and writes a record of its own, and leaves a fence of a second behind. */
async function measure(store: SessionStore): Promise<Finding[]> {
  const key = `~doctor${randomBytes(12).toString('base64url')}` as SessionKey
  const reads: number[] = []
  const writes: number[] = []
  const expiresAtMs = Date.now() + SCRATCH_LIVES_MS
  let verb = 'create a session'
  try {
    for (let expectedVersion = 0; expectedVersion < ROUNDS; expectedVersion++) {
      writes.push(await timed(() => store.write(key, { expectedVersion, expiresAtMs, body: '{}' })))
      verb = 'read a session'
      reads.push(await timed(() => store.read(key)))
      verb = 'change a session'
    }
    verb = 'extend a session'
    await store.touch(key, expiresAtMs + 1)
    verb = 'end a session'
    await store.destroy(key, { fenceUntilMs: Date.now() + FENCE_MS })
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    return [refusal(verb, reasonOf(error))]
  }
  const rights: Finding = {
    level: 'fine',
    name: 'rights',
    line: 'this account may create, read, change, extend and end a session',
  }
  return [rights, latency('read', reads), latency('write', writes)]
}

function refusal(verb: string, reason: string): Finding {
  if (NO_RIGHT.test(reason)) {
    const line = `this account may not ${verb}: ${reason}`
    return { level: 'loss', name: 'rights', line, remedy: 'give the account that right' }
  }
  const line = `it could not ${verb}: ${reason}`
  return { level: 'loss', name: 'refused', line, remedy: 'mend what the server says' }
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await call()
  return performance.now() - startedAtMs
}

function latency(what: string, durationsMs: readonly number[]): Finding {
  const sorted = durationsMs.toSorted((one, other) => one - other)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  const line = `${sorted.length} ${what}s took ${at(0.5).toFixed(2)} ms (median), ${at(0.99).toFixed(2)} ms (p99)`
  const name = `${what}-latency`
  if (at(0.5) <= MEDIAN_MAX_MS && at(0.99) <= P99_MAX_MS) return { level: 'fine', name, line }
  const remedy = 'bring the store nearer to the nodes, and look at its load and its disk'
  return { level: 'warning', name, line: `${line}: every request waits for that`, remedy }
}

/** Of a capability that a store lacks. Other than a warning. */
const LEVELS: Readonly<Record<string, Finding['level']>> = {
  survivesNodeDeath: 'loss',
  shared: 'loss',
  notifies: 'fine',
}

/** What the store says of itself, where no check of its server says more. */
function capabilityFindings({ capabilities }: SessionStore): Finding[] {
  const excused = Object.entries(capabilities).flatMap(([name, capability]: [string, unknown]): Finding[] => {
    const reason = (capability as { excused?: string } | undefined)?.excused
    const level = LEVELS[name] ?? 'warning'
    return reason === undefined ? [] : [{ level, name, line: reason }]
  })
  return excused.length > 0
    ? excused
    : [{ level: 'fine', name: 'promises', line: 'it says that it keeps every promise' }]
}
