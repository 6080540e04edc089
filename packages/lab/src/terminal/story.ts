import {
  type ClusterState,
  count,
  narrate,
  reduce,
  type Sentence,
  sumRecent,
  type TraceEvent,
} from '@ninelives/history'
import { clockTime, type Paint } from './paint.ts'

const SUMMARY_EVERY = 10
/** So many bad seconds in a row are told one by one; after that the sums tell. */
const BAD_SECONDS_TOLD = 3

const colours = { good: 'green', bad: 'red', plain: 'cyan' } as const

/** Tells what happens to a cluster, a line an event. */
export class Story {
  readonly #paint: Paint
  #seconds = 0
  #badInARow = 0

  constructor(paint: Paint) {
    this.#paint = paint
  }

  /** The lines that this event is worth. */
  tell(event: TraceEvent, before: ClusterState): string[] {
    const time = this.#paint('dim', clockTime(before.startedAtMs + event.atMs))
    return this.#texts(event, before).map((text) => `${time} ${text}`)
  }

  #texts(event: TraceEvent, before: ClusterState): string[] {
    const sentence = narrate(event, before)
    if (event.type !== 'users-second') return sentence === undefined ? [] : [this.#coloured(sentence)]
    const lines = this.#second(sentence)
    this.#seconds++
    if (this.#seconds % SUMMARY_EVERY === 0) lines.push(this.#paint('dim', summary(reduce(before, event))))
    return lines
  }

  #second(sentence: Sentence | undefined): string[] {
    this.#badInARow = sentence === undefined ? 0 : this.#badInARow + 1
    if (sentence === undefined || this.#badInARow > BAD_SECONDS_TOLD + 1) return []
    if (this.#badInARow <= BAD_SECONDS_TOLD) return [this.#coloured(sentence)]
    return [this.#coloured({ text: `users: and so on; the sums come every ${SUMMARY_EVERY} s`, tone: 'bad' })]
  }

  #coloured({ text, tone }: Sentence): string {
    return this.#paint(colours[tone], text)
  }
}

function summary({ users, nodes }: ClusterState): string {
  const { sent, errors, loggedOut, lost, byNode } = sumRecent(users, SUMMARY_EVERY)
  const worstMs = Math.max(...users.recent.slice(-SUMMARY_EVERY).map(({ p99Ms }) => p99Ms))
  const answers = Math.max(
    1,
    Object.values(byNode).reduce((sum, n) => sum + n, 0),
  )
  const shares = nodes.map(({ name }) => `${name} ${Math.round((100 * (byNode[name] ?? 0)) / answers)} %`)
  const met = [
    `${errors} failed`,
    ...(loggedOut === 0 ? [] : [`logged out ${count(loggedOut, 'time')}`]),
    ...(lost === 0 ? [] : [`${count(lost, 'cart item')} lost`]),
  ]
  const first = `users: ${count(sent, 'operation')} in ${SUMMARY_EVERY} s, ${met.join(', ')}`
  return [first, `p99 ${worstMs.toFixed(0)} ms`, ...shares].join(' · ')
}
