/** Formats figures: three significant digits, a unit, and the interval of an estimate. */
import type { Finding, Estimate } from '../../harness/statistics.ts'
import { html, type Markup } from '@ninelives/lab'

export const NOT_MEASURED_TEXT = '–'

/** A dash; screen readers say what it means. */
export const NOT_MEASURED: Markup = html`<span class="none" aria-hidden="true">${NOT_MEASURED_TEXT}</span
  ><span class="heard">not measured</span>`

const DIGITS = 3

export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

export function outOf(some: number, all: number): string {
  return `${count(some)} of ${count(all)}`
}

/** Three digits, and never 1.23e+5. */
export function rounded(value: number): string {
  if (value === 0) return '0'
  const digits = Math.max(0, DIGITS - 1 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 4) })
}

export function milliseconds(value: number): string {
  return `${rounded(value)} ms`
}

export function percent(share: number): string {
  const value = share * 100
  if (value > 0 && value < 0.01) return '< 0.01 %'
  return `${rounded(value)} %`
}

export function bytes(value: number): string {
  return Math.abs(value) < 1024 ? `${rounded(value)} B` : `${rounded(value / 1024)} KiB`
}

/** `12 (9–15)`. */
export function withInterval({ median, low, high }: Estimate): string {
  return `${rounded(median)} (${rounded(low)}–${rounded(high)})`
}

export function times(ratio: Estimate): string {
  return `${ratio.median.toFixed(2)}× (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`
}

export function figure<T>(value: T | undefined, say: (value: T) => string | Markup): string | Markup {
  return value === undefined ? NOT_MEASURED : say(value)
}

/** With a sign that is easy to find in a column. */
export const FINDING_SIGNS: Readonly<Record<Finding, string>> = {
  less: '▼ less',
  more: '▲ more',
  'no difference shown': '≈ no difference shown',
  'too few blocks': '… too few blocks',
}

export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) as string}`
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}
