import { type ClusterState, type Sentence, Storyteller, type TraceEvent } from '@ninelives/history'
import { byId, element } from '../base/dom.ts'
import { word } from '../base/words.ts'

const LINES_MAX = 200

let teller = new Storyteller()

/** Adds the event's sentence, if it has one, at the top. */
export function logEvent(event: TraceEvent, before: ClusterState): void {
  const sentence = teller.tell(event, before)
  if (sentence === undefined) return
  const log = byId('log', HTMLElement)
  log.querySelector('.nothing')?.remove()
  const made = line(sentence, new Date(before.startedAtMs + event.atMs))
  made.dataset['atMs'] = String(event.atMs)
  log.prepend(made)
  while (log.childElementCount > LINES_MAX) log.lastElementChild?.remove()
}

/** Lines that are later than the time that is shown are pale. */
export function showLogUntil(ms: number): void {
  for (const line of byId('log', HTMLElement).children)
    line.classList.toggle('later', Number((line as HTMLElement).dataset['atMs'] ?? 0) > ms + 1)
}

export function emptyLog(): void {
  teller = new Storyteller()
  byId('log', HTMLElement).replaceChildren(element('li', 'nothing', word('nothingYet')))
}

function line({ text, tone }: Sentence, at: Date): HTMLElement {
  const time = element('time', '', at.toLocaleTimeString('en-GB'))
  time.dateTime = at.toISOString()
  return element('li', tone, time, element('span', '', text))
}
