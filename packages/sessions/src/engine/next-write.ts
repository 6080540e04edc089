/** What a request wants of the session's next write beside its data. */
import type { Snapshot } from '../record/record.ts'

export class NextWrite {
  /** It replaces the secret. */
  rotates = false
  /** How long the session may be unused from then on; see `maxAgeMs` of a record. */
  maxAgeMs: number | 'as-it-is' | undefined = 'as-it-is'
  /** The session is stored even if there is nothing in it. */
  begins = false

  /** Whether there has to be one, whatever became of the data. */
  isDue(seen: Snapshot | undefined): boolean {
    if (this.rotates) return true
    if (this.maxAgeMs !== 'as-it-is' && this.maxAgeMs !== seen?.body.maxAgeMs) return true
    return seen === undefined && this.begins
  }

  done(): void {
    this.rotates = false
    this.maxAgeMs = 'as-it-is'
    this.begins = false
  }
}
