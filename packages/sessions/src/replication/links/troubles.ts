/** What keeps this node from others, by name: for the error of a start that failed, and to report each thing once. */
import type { LinkRefusal } from './link.ts'

export interface LinkTrouble {
  readonly line: string
  /** Undefined where no node refused: the other was not reached, or is silent. */
  readonly refused: LinkRefusal | undefined
  /** On the clock of `performance.now()`, since when it has been so without a link between. */
  readonly sinceMs: number
}

export interface TroubleBook {
  /** True when it is another one than before. */
  note(name: string, line: string, refused?: LinkRefusal): boolean
  clear(name: string): void
  of(name: string): LinkTrouble | undefined
}

/** Strangers come and go, and are not to fill the memory. */
const NAMES_MAX = 256

export function troubleBook(now: () => number = () => performance.now()): TroubleBook {
  const troubles = new Map<string, LinkTrouble>()
  return {
    note(name, line, refused) {
      const before = troubles.get(name)
      if (before?.line === line) return false
      const same = before !== undefined && before.refused?.refusal.code === refused?.refusal.code
      const [oldest] = troubles.keys()
      if (oldest !== undefined && troubles.size >= NAMES_MAX) troubles.delete(oldest)
      troubles.set(name, { line, refused, sinceMs: same ? before.sinceMs : now() })
      return true
    },
    clear: (name) => troubles.delete(name),
    of: (name) => troubles.get(name),
  }
}
