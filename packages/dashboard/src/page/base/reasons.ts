/** Why the balancer ejected a node, how its probes end, and what a fault takes, in the page's language. */
import type { ProbeState } from '@ninelives/history'
import { word, type Word } from './words.ts'

/** How a probe ended, in few words. */
export function probeText({ result, reason = '' }: Pick<ProbeState, 'result' | 'reason'>): string {
  const [, silentMs] = SILENT.exec(reason) ?? []
  if (silentMs !== undefined) return word('probeSilent', { n: silentMs })
  const [, status] = STATUS.exec(reason) ?? []
  return status === undefined ? word(`probe-${result}`) : word('probeStatus', { n: status })
}

const SILENT = /^no answer in (\d+) ms$/
const STATUS = / answered (\d{3})/

/** Why an operation was not carried out, in the few words for which a diagram has room. What is not known is shown as it is. */
export function whyText(why: string): string {
  const [, status, code = ''] = /^(\d{3})(?: (.*))?$/.exec(why) ?? []
  const known = WHYS.find(([pattern]) => pattern.test(status === undefined ? why : code))
  if (known !== undefined) return word(known[1])
  return status === undefined ? why : word('probeStatus', { n: status })
}

/** Codes of the shop and the balancer, errors of Node's, and the virtual users' own words. */
const WHYS: readonly (readonly [RegExp, Word])[] = [
  [/STORE_UNAVAILABLE|STORE_ABSENT/, 'whyStore'],
  [/^UNAVAILABLE$/, 'whyNoNode'],
  [/GATEWAY_TIMEOUT|^timeout$/, 'whyLate'],
  [/SESSION_CONFLICT|SESSION_BUSY/, 'whyConflict'],
  [/ECONNREFUSED/, 'probe-refused'],
  [/BAD_GATEWAY|ECONNRESET|EPIPE|socket hang up|^cut off$/, 'whyCut'],
]

/** Why a fault did not land, or did not end. What is not known is shown as it is. */
export function failureText(reason: string): string {
  const [, kept] = /^not healed: (.*)$/s.exec(reason) ?? []
  if (kept !== undefined) return word('faultStays', { reason: failureText(kept) })
  const [, waitedMs, what] = /^waited (\d+) ms in vain for (.*)$/s.exec(reason) ?? []
  if (waitedMs !== undefined) {
    const isLanding = what?.endsWith(' to land') === true
    return word(isLanding ? 'faultNotSeen' : 'faultInVain', { n: Number(waitedMs), what: what ?? '' })
  }
  const [, name] = /^node (\S+) ended before it came to that point$/.exec(reason) ?? []
  return name === undefined ? reason : word('faultTooLate', { name })
}

/** What a field of a fault takes. What is not known is shown as it is. */
export function takesText(takes: string): string {
  const [, min, max, notZero] = /^whole \w+, (-?\d+) to (-?\d+)( and not 0)?$/.exec(takes) ?? []
  if (min !== undefined)
    return word(notZero === undefined ? 'takesWhole' : 'takesNotZero', { min: Number(min), max: Number(max) })
  const [, most] = /^which of the coming requests it is, 1 to (\d+),/.exec(takes) ?? []
  if (most !== undefined) return word('takesRequest', { max: Number(most) })
  const [, example] = /^a method and a route, such as "([^"]+)"$/.exec(takes) ?? []
  return example === undefined ? takes : word('takesRoute', { example })
}

/** A reason of which nothing is known is shown as it is. */
export function reasonText(reason: string): string {
  if (reason.includes('ECONNREFUSED')) return word('refuses')
  if (/no process listens|ECONNRESET|EPIPE/.test(reason)) return word('reasonGone')
  const [, silentMs] = SILENT.exec(reason) ?? []
  if (silentMs !== undefined) return word('reasonSilent', { n: silentMs })
  const [, status] = STATUS.exec(reason) ?? []
  return status === undefined ? reason : word('reasonStatus', { n: status })
}
