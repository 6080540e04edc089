/**
 * Everything that was received, so that any instant of it can be shown: the messages, and copies of the state. A copy is as large as its
 * number of users, so the next one comes only after as many numbers: all copies together are no larger than the messages.
 * What is oldest is forgotten when there is too much.
 */
import type { TraceEvent } from '@ninelives/history'
import { type Message, Moment } from './moment.ts'

const KEYFRAME_EVERY_MS = 5_000
/** Numbers of operations; each takes eight bytes. */
const NUMBERS_MAX = 8_000_000
const MESSAGES_MAX = 100_000

interface Keyframe {
  /** The number of messages that it includes. */
  readonly after: number
  readonly moment: Moment
}

export class Timeline {
  /** The newest state. */
  readonly head = new Moment()
  #messages: Message[] = []
  #keyframes: Keyframe[] = []
  /** How many messages were forgotten. */
  #forgotten = 0
  #numbers = 0
  #sinceKeyframe = 0

  get length(): number {
    return this.#forgotten + this.#messages.length
  }

  /** The index of the first message that is not forgotten. */
  get firstIndex(): number {
    return this.#forgotten
  }

  get fromMs(): number {
    return this.#keyframes[0]?.moment.atMs ?? 0
  }

  message(index: number): Message | undefined {
    return this.#messages[index - this.#forgotten]
  }

  add(message: Message): void {
    const last = this.#keyframes.at(-1)
    const isDue = message.atMs - (last?.moment.atMs ?? 0) >= KEYFRAME_EVERY_MS
    if (last === undefined || (isDue && this.#sinceKeyframe >= this.head.served.length)) {
      this.#keyframes.push({ after: this.length, moment: this.head.copy() })
      this.#sinceKeyframe = 0
    }
    this.head.apply(message)
    this.#messages.push(message)
    this.#numbers += sizeOf(message)
    this.#sinceKeyframe += sizeOf(message)
    while ((this.#numbers > NUMBERS_MAX || this.#messages.length > MESSAGES_MAX) && this.#keyframes.length > 2)
      this.#forget()
  }

  /** The events up to that time, the oldest first, as far as they are remembered. */
  eventsUntil(ms: number): readonly TraceEvent[] {
    return this.#messages.flatMap((message) => (message.type === 'event' && message.atMs <= ms ? [message.event] : []))
  }

  /** A new run begins. */
  clear(): void {
    Object.assign(this.head, new Moment())
    this.#messages = []
    this.#keyframes = []
    this.#forgotten = 0
    this.#numbers = 0
    this.#sinceKeyframe = 0
  }

  /** The state at that time, and the number of messages that it includes. */
  at(ms: number): { readonly moment: Moment; readonly after: number } {
    const keyframe = this.#keyframes.findLast(({ moment }) => moment.atMs <= ms) ?? this.#keyframes[0]
    if (keyframe === undefined) return { moment: new Moment(), after: 0 }
    const moment = keyframe.moment.copy()
    let { after } = keyframe
    for (let next = this.message(after); next !== undefined && next.atMs <= ms; next = this.message(after)) {
      moment.apply(next)
      after++
    }
    return { moment, after }
  }

  /** The messages up to the second keyframe. */
  #forget(): void {
    this.#keyframes.shift()
    const gone = this.#messages.splice(0, (this.#keyframes[0]?.after ?? 0) - this.#forgotten)
    this.#forgotten += gone.length
    this.#numbers -= gone.reduce((sum, message) => sum + sizeOf(message), 0)
  }
}

function sizeOf(message: Message): number {
  return message.type === 'beat' ? message.beat.ops.length : 1
}
