/** Why the balancer ejected a node, and how its probes end, in the page's language. */
import type { ProbeState } from '@ninelives/history'
import { word } from './words.ts'

/** How a probe ended, in few words. */
export function probeText({ result, reason = '' }: Pick<ProbeState, 'result' | 'reason'>): string {
  const [, silentMs] = SILENT.exec(reason) ?? []
  if (silentMs !== undefined) return word('probeSilent', { n: silentMs })
  const [, status] = STATUS.exec(reason) ?? []
  return status === undefined ? word(`probe-${result}`) : word('probeStatus', { n: status })
}

const SILENT = /^no answer in (\d+) ms$/
const STATUS = / answered (\d{3})/

/** A reason of which nothing is known is shown as it is. */
export function reasonText(reason: string): string {
  if (reason.includes('ECONNREFUSED')) return word('refuses')
  if (/no process listens|ECONNRESET|EPIPE/.test(reason)) return word('reasonGone')
  const [, silentMs] = SILENT.exec(reason) ?? []
  if (silentMs !== undefined) return word('reasonSilent', { n: silentMs })
  const [, status] = STATUS.exec(reason) ?? []
  return status === undefined ? reason : word('reasonStatus', { n: status })
}
