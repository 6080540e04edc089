/** Why the balancer ejected a node, in the page's language. */
import { word } from './words.ts'

/** A reason of which nothing is known is shown as it is. */
export function reasonText(reason: string): string {
  if (reason.includes('ECONNREFUSED')) return word('refuses')
  if (/no process listens|ECONNRESET|EPIPE/.test(reason)) return word('reasonGone')
  const [, silentMs] = /^no answer in (\d+) ms$/.exec(reason) ?? []
  if (silentMs !== undefined) return word('reasonSilent', { n: silentMs })
  const [, status] = / answered (\d{3})/.exec(reason) ?? []
  return status === undefined ? reason : word('reasonStatus', { n: status })
}
