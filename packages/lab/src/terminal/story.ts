import {
  type ClusterState,
  count,
  lateFor,
  reduce,
  Storyteller,
  sum,
  sumRecent,
  type TraceEvent,
} from '@ninelives/history'
import { clockTime, type Paint } from './paint.ts'

const SUMMARY_EVERY = 10

const colours = { good: 'green', bad: 'red', plain: 'cyan' } as const

/** Describes what happens to a cluster, a line an event, and now and then sums up the users. */
export class Story {
  readonly #paint: Paint
  readonly #teller = new Storyteller()
  #seconds = 0

  constructor(paint: Paint) {
    this.#paint = paint
  }

  /** The lines for this event. */
  tell(event: TraceEvent, before: ClusterState): string[] {
    const lines: string[] = []
    const sentence = this.#teller.tell(event, before)
    if (sentence) lines.push(this.#paint(colours[sentence.tone], sentence.text))
    if (event.type === 'users-second' && ++this.#seconds % SUMMARY_EVERY === 0) {
      lines.push(this.#paint('dim', summary(reduce(before, event))))
    }
    const time = this.#paint('dim', clockTime(before.startedAtMs + event.atMs))
    return lines.map((line) => `${time} ${line}`)
  }
}

function summary({ users, nodes }: ClusterState): string {
  const { sent, errors, loggedOut, lost, byNode } = sumRecent(users, SUMMARY_EVERY)
  const worstMs = Math.max(...users.recent.slice(-SUMMARY_EVERY).map(({ p99Ms }) => p99Ms))
  const answers = Math.max(1, sum(byNode))
  const shares = nodes.map(({ name }) => `${name} ${Math.round((100 * (byNode[name] ?? 0)) / answers)} %`)
  const met = [
    `${errors} failed`,
    ...(loggedOut === 0 ? [] : [`logged out ${count(loggedOut, 'time')}`]),
    ...(lost === 0 ? [] : [`${count(lost, 'cart item')} lost`]),
  ]
  const first = `users: ${count(sent, 'operation')} in ${SUMMARY_EVERY} s, ${met.join(', ')}`
  const lateMs = lateFor(users)
  const busy =
    lateMs === undefined ? [] : [`this machine is too busy: the users are ${lateMs.toFixed(0)} ms late themselves`]
  return [first, `p99 ${worstMs.toFixed(0)} ms`, ...shares, ...busy].join(' · ')
}
