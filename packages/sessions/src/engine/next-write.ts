/** What the session's next write does beside its data. */
import type { Snapshot } from '../record/record.ts'

export class NextWrite {
  /** It replaces the secret. */
  rotates = false
  /** The idle timeout from then on; see `maxAgeMs` of a record. */
  maxAgeMs: number | 'as-it-is' | undefined = 'as-it-is'
  /** The session is stored even if there is nothing in it. */
  begins = false

  /** Whether a write is needed even if the data is unchanged. */
  isDue(seen: Snapshot | undefined): boolean {
    if (this.rotates) return true
    if (this.maxAgeMs !== 'as-it-is' && this.maxAgeMs !== seen?.body.maxAgeMs) return true
    return seen === undefined && this.begins
  }

  /** What a write takes along: what is wished while it is on its way is for the one after it. */
  copy(): NextWrite {
    return Object.assign(new NextWrite(), this)
  }

  done(written: NextWrite): void {
    if (written.rotates) this.rotates = false
    if (written.maxAgeMs === this.maxAgeMs) this.maxAgeMs = 'as-it-is'
    if (written.begins) this.begins = false
  }
}
