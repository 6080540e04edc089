/** The tokens' colours for canvases, in the present colour scheme. */
import { element } from './dom.ts'

const NAMES = {
  ok: 'ok',
  okSoft: 'ok-soft',
  failed: 'failed',
  unknown: 'unknown',
  out: 'out',
  lost: 'lost',
  paused: 'paused',
  leaving: 'leaving',
  edge: 'edge',
  ink: 'ink',
  soft: 'ink-soft',
  surface: 'surface',
  raised: 'raised',
  accent: 'accent',
} as const

export type Colours = Readonly<Record<keyof typeof NAMES, string>>

let colours = read()
const listeners: (() => void)[] = []

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colours = read()
  for (const listener of listeners) listener()
})

export function currentColours(): Colours {
  return colours
}

export function onColours(listener: () => void): void {
  listeners.push(listener)
}

function read(): Colours {
  const probe = element('span', '')
  document.body.append(probe)
  const entries = Object.entries(NAMES).map(([name, token]) => {
    probe.style.color = `var(--${token})`
    return [name, getComputedStyle(probe).color]
  })
  probe.remove()
  return Object.fromEntries(entries) as Colours
}
