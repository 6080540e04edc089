/**
 * When a copy of a record is still what SQLite has. Before each read from memory SQLite is asked for its data version, which changes
 * when another connection, so another process, has changed anything in the database. That is exact and takes no message: but after any
 * change by another process each record is read anew once. Changes by this process don't count; the near-cache knows of them.
 */
import type { CopySource } from '../../copies/cacheable-store.ts'
import type { SessionStore } from '../../../contract.ts'

export function versionedCopies(store: SessionStore, dataVersion: () => number | undefined): CopySource {
  /** What was asked in this turn of the event loop: a change that is acknowledged to anyone later began after it. */
  let asked: number | undefined

  const current = (): number | undefined => {
    if (asked === undefined) {
      asked = dataVersion()
      queueMicrotask(() => (asked = undefined))
    }
    return asked
  }

  return {
    async start() {},
    isCurrent: (mark) => current() === mark,
    async read(key) {
      const mark = current()
      return { answer: await store.read(key), mark }
    },
    async write(key, write) {
      const mark = current()
      return { answer: await store.write(key, write), mark }
    },
    trouble: undefined,
  }
}
