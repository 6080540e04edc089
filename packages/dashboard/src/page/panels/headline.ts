/** The large sentence and the banner below it. */
import { byId, element, setText } from '../base/dom.ts'
import type { Moment } from '../data/moment.ts'
import { type Told, tell } from './sentence.ts'

const ANNOUNCE_EVERY_MS = 4_000

let shown = ''
let announcedMs = 0
let announced = ''

export function showHeadline(moment: Moment, nowMs: number): void {
  const told = tell(moment, nowMs)
  const text = JSON.stringify(told)
  if (text === shown) return
  shown = text
  byId('sentence', HTMLElement).replaceChildren(...parts(told))
  const banner = byId('banner', HTMLElement)
  setText(banner, told.banner)
  banner.classList.toggle('alarming', told.isAlarming)
  announce(moment, told)
}

function parts({ lead, clauses }: Told): Node[] {
  const nodes: Node[] = marked(lead)
  for (const [index, { text, fate }] of clauses.entries()) {
    nodes.push(document.createTextNode(separator(clauses, index)))
    const end = fate !== undefined && index === clauses.length - 1 ? '.' : ''
    if (fate === undefined) nodes.push(...marked(text))
    else nodes.push(element('span', `fate ${fate}`, ...marked(text + end)))
  }
  return nodes
}

function separator(clauses: Told['clauses'], index: number): string {
  if (clauses[index - 1]?.fate === undefined) return ' '
  return clauses[index]?.fate === undefined ? '. ' : ', '
}

/** Figures are between asterisks. */
function marked(text: string): Node[] {
  return text
    .split('*')
    .map((part, index) => (index % 2 === 1 ? element('strong', '', part) : document.createTextNode(part)))
}

/** A screen reader hears of an incident, and of its figures now and then, not of every tenth of a second. */
function announce(moment: Moment, { lead, clauses }: Told): void {
  const last = moment.incidents.at(-1)
  const about = JSON.stringify([last?.id, last?.users])
  const nowMs = performance.now()
  if (about === announced || nowMs - announcedMs < ANNOUNCE_EVERY_MS) return
  announced = about
  announcedMs = nowMs
  const text = [lead, ...clauses.map((clause) => clause.text)].join(' ').replaceAll('*', '')
  setText(byId('announcement', HTMLElement), text)
}
