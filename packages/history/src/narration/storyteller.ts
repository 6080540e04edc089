import { count, sum } from '../trace/counts.ts'
import type { TraceEvent, UsersSecond } from '../trace/events.ts'
import { narrate } from './narrate.ts'
import type { Sentence } from './sentence.ts'
import type { ClusterState } from '../state.ts'

/** The number of consecutive bad seconds of a kind that are shown one by one. */
const BAD_SECONDS_TOLD = 3
/** How long a process' note is not shown again. */
const NOTE_RESTS_MS = 10_000
const NOTES_MAX = 1_000

interface ToldNote {
  readonly atMs: number
  repeats: number
}

/** Describes a run event by event with `narrate`, and limits repeated lines about the users' failures and of a process' log. */
export class Storyteller {
  readonly #troubles = new Set<string>()
  readonly #notes = new Map<string, ToldNote>()
  #badSeconds = 0

  tell(event: TraceEvent, before: ClusterState): Sentence | undefined {
    const sentence = narrate(event, before)
    if (event.type === 'process-noted') return sentence && this.#note(sentence, event.atMs)
    if (event.type !== 'users-second') return sentence
    this.#count(troublesOf(event))
    if (this.#badSeconds <= BAD_SECONDS_TOLD) return sentence
    return this.#badSeconds === BAD_SECONDS_TOLD + 1 ? { text: 'users: and so on', tone: 'bad' } : undefined
  }

  /** A note that comes again within ten seconds is counted, and the count is shown with the next one after them. */
  #note(sentence: Sentence, atMs: number): Sentence | undefined {
    const told = this.#notes.get(sentence.text)
    if (told !== undefined && atMs - told.atMs < NOTE_RESTS_MS) {
      told.repeats++
      return undefined
    }
    if (this.#notes.size >= NOTES_MAX) this.#notes.clear()
    this.#notes.set(sentence.text, { atMs, repeats: 0 })
    if (told === undefined || told.repeats === 0) return sentence
    return { ...sentence, text: `${sentence.text} (${count(told.repeats, 'time')} more before)` }
  }

  /** Consecutive bad seconds; restarts at a new kind of failure. */
  #count(troubles: readonly string[]): void {
    const isNew = troubles.some((trouble) => !this.#troubles.has(trouble))
    if (troubles.length === 0) this.#troubles.clear()
    for (const trouble of troubles) this.#troubles.add(trouble)
    if (troubles.length === 0) this.#badSeconds = 0
    else this.#badSeconds = isNew ? 1 : this.#badSeconds + 1
  }
}

function troublesOf({ failed, unknown, loggedOut, lost }: UsersSecond): string[] {
  const { 'logged-out': _counted, ...otherwise } = failed
  const figures = { failed: sum(otherwise) + sum(unknown), loggedOut, lost }
  return Object.entries(figures).flatMap(([trouble, n]) => (n === 0 ? [] : [trouble]))
}
