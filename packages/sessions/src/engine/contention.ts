/** The pauses of a commit between its attempts: after the first conflict it waits for its turn, after each later one for a backoff. */
import type { SessionKey } from '../contract.ts'
import type { EngineContext } from '../context/engine-context.ts'
import { SessionBusyError } from '../errors.ts'
import type { Snapshot } from '../record/record.ts'
import type { Turn } from '../context/turns.ts'

export class Contention {
  readonly #context: EngineContext
  readonly #key: SessionKey
  #turn: Turn | undefined
  /** On the monotonic clock; counted from the first conflict. */
  #deadlineMs = 0

  constructor(context: EngineContext, key: SessionKey) {
    this.#context = context
    this.#key = key
  }

  /**
   * Waits after a conflict. Resolves with the session after the previous writer, if known. Throws SessionBusyError when the commit's
   * time is over.
   */
  async wait(attempt: number): Promise<Snapshot | undefined> {
    const { turns, commitTimeMaxMs } = this.#context
    const isFirst = this.#turn === undefined
    if (isFirst) this.#deadlineMs = performance.now() + commitTimeMaxMs
    else await this.#context.backOff(attempt)
    this.#turn ??= await turns.take(this.#key)
    if (performance.now() >= this.#deadlineMs) throw new SessionBusyError()
    return isFirst ? this.#turn.found : undefined
  }

  /** The commit has succeeded or failed; `left` is the session as it is now, if known. */
  end(left: Snapshot | undefined): void {
    this.#turn?.leave(left)
  }
}
