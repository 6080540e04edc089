/** A verdict as a badge for a README. */
import type { Verdict } from '@ninelives/history'
import { html } from './markup.ts'

const COLOURS = { valid: '#0c7c71', invalid: '#c81e33', unknown: '#b45309' } as const
const LABEL = 'ninelives'
/** Of one character, roughly: a badge has no font of its own. */
const CHARACTER = 6.6
const PADDING = 12

export function badge({ verdict, faults, anomalies }: Verdict): string {
  const worst = anomalies[0]?.kind
  const landed = `${faults.landed} fault${faults.landed === 1 ? '' : 's'}`
  const text = verdict === 'invalid' ? `invalid: ${worst}` : `${verdict}, ${landed}`
  const [left, right] = [LABEL, text].map((each) => Math.round(each.length * CHARACTER + PADDING)) as [number, number]
  const svg = html`<svg
    xmlns="http://www.w3.org/2000/svg"
    width="${left + right}"
    height="20"
    role="img"
    aria-label="${LABEL}: ${text}"
  >
    <title>${LABEL}: ${text}</title>
    <clipPath id="r"><rect width="${left + right}" height="20" rx="4" /></clipPath>
    <g clip-path="url(#r)">
      <rect width="${left}" height="20" fill="#3b4650" />
      <rect x="${left}" width="${right}" height="20" fill="${COLOURS[verdict]}" />
    </g>
    <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
      <text x="${left / 2}" y="14">${LABEL}</text>
      <text x="${left + right / 2}" y="14">${text}</text>
    </g>
  </svg>`
  return `${svg.text}\n`
}
