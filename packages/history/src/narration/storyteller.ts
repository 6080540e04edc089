import { sum } from '../trace/counts.ts'
import type { TraceEvent, UsersSecond } from '../trace/events.ts'
import { narrate } from './narrate.ts'
import type { Sentence } from './sentence.ts'
import type { ClusterState } from '../state.ts'

/** The number of consecutive bad seconds of a kind that are shown one by one. */
const BAD_SECONDS_TOLD = 3

/** Describes a run event by event with `narrate`, and limits repeated lines about the users' failures. */
export class Storyteller {
  readonly #troubles = new Set<string>()
  #badSeconds = 0

  tell(event: TraceEvent, before: ClusterState): Sentence | undefined {
    const sentence = narrate(event, before)
    if (event.type !== 'users-second') return sentence
    this.#count(troublesOf(event))
    if (this.#badSeconds <= BAD_SECONDS_TOLD) return sentence
    return this.#badSeconds === BAD_SECONDS_TOLD + 1 ? { text: 'users: and so on', tone: 'bad' } : undefined
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
