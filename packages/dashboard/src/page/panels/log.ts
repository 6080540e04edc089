import { type ClusterState, type Sentence, Storyteller, type TraceEvent } from '@ninelives/history'
import { byId, element } from '../base/dom.ts'
import { currentLanguage, word } from '../base/words.ts'

const LINES_MAX = 200

let teller = new Storyteller()

/** Adds the event's sentence, if it has one, at the top. */
export function logEvent(event: TraceEvent, before: ClusterState): void {
  const sentence = teller.tell(event, before)
  if (sentence === undefined) return
  const log = byId('log', HTMLElement)
  log.querySelector('.nothing')?.remove()
  log.prepend(line(sentence, new Date(before.startedAtMs + event.atMs)))
  while (log.childElementCount > LINES_MAX) log.lastElementChild?.remove()
}

export function emptyLog(): void {
  teller = new Storyteller()
  byId('log', HTMLElement).replaceChildren(element('li', 'nothing', word('nothingYet')))
}

function line({ text, tone }: Sentence, at: Date): HTMLElement {
  const time = element('time', '', at.toLocaleTimeString(currentLanguage(), { hour12: false }))
  time.dateTime = at.toISOString()
  return element('li', tone, time, element('span', '', text))
}
