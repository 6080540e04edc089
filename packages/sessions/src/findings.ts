/**
 * What a look at a store's server finds, before production does. `ninelives doctor` prints it, and `openStore` tells what is no
 * good as the event `store-risk` once the store is open.
 */
import { isIP } from 'node:net'

export interface Finding {
  /** `loss`: it loses sessions, or can't keep any. `warning`: it may, when something else happens too. */
  readonly level: 'fine' | 'warning' | 'loss'
  /** For programs, such as `eviction-policy`. */
  readonly name: string
  /** What is so, and what follows from it. */
  readonly line: string
  /** What to do about it. */
  readonly remedy?: string
}

/** Of a limit that must not be reached. */
const NEARLY_FULL = 0.8
const CLOCK_AHEAD_MAX_MS = 2_000

/** Of one server among several. */
export function at(server: string, finding: Finding): Finding {
  return { ...finding, line: `${server}: ${finding.line}` }
}

export function percent(part: number, whole: number): string {
  return `${Math.round((100 * part) / whole)} %`
}

export function isNearlyFull(used: number, limit: number): boolean {
  return limit > 0 && used > NEARLY_FULL * limit
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`
}

export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

export interface Network {
  readonly hosts: readonly string[]
  readonly tls: boolean
  /** Whether the server asks for a password or a certificate. */
  readonly hasLogin: boolean
  readonly remedyTls: string
  readonly remedyLogin: string
}

export function networkFindings({ hosts, tls, hasLogin, remedyTls, remedyLogin }: Network): Finding[] {
  const remote = hosts.find((host) => !isLoopback(host))
  if (remote === undefined) return [{ level: 'fine', name: 'network', line: 'the connection stays on this machine' }]
  const found: Finding[] = []
  if (!tls) {
    const line = `sessions travel to ${remote} unencrypted: every machine on the way can read them`
    found.push({ level: 'warning', name: 'no-tls', line, remedy: remedyTls })
  }
  if (!hasLogin) {
    const line = `${remote} asks for no password: every program that reaches its port can read, change and delete sessions`
    found.push({ level: 'warning', name: 'no-password', line, remedy: remedyLogin })
  }
  return found.length > 0 ? found : [{ level: 'fine', name: 'network', line: 'the connection is encrypted' }]
}

/** `precisionMs`: how exactly the server tells its time, the way there included. */
export function clockFinding(clockAheadMs: number, precisionMs = 0): Finding {
  const apartMs = Math.max(0, Math.abs(clockAheadMs) - precisionMs)
  if (apartMs <= CLOCK_AHEAD_MAX_MS)
    return { level: 'fine', name: 'clock', line: "the server's clock agrees with this one" }
  const seconds = Math.round(Math.abs(clockAheadMs) / 1_000)
  const line = `the server's clock is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's: one of them is wrong, and sessions end by the clocks of the nodes, too early or too late`
  return { level: 'warning', name: 'clock', line, remedy: 'let every machine synchronise its clock (NTP)' }
}

export function connectionsFinding(used: number, limit: number, remedy: string): Finding {
  const line = `${used} of ${limit} connections are in use`
  if (!isNearlyFull(used, limit)) return { level: 'fine', name: 'connections', line }
  return { level: 'warning', name: 'connections', line: `${line}: further nodes can't connect soon`, remedy }
}
