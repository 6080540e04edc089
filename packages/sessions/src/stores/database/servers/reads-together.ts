/**
 * Combines the reads that are asked for in one turn of the event loop into one statement: a request asks for a session and for its user's list,
 * and a busy node has several requests in a turn. Sending a statement and receiving its answer cost more than reading a row.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SessionKey } from '../../../contract.ts'
import type { Row } from '../dialect.ts'

export interface Reads {
  readonly readOne: (key: SessionKey) => Promise<Row | undefined>
  readonly readSome: (keys: readonly SessionKey[]) => Promise<ReadonlyMap<SessionKey, Row | undefined>>
}

/** Fewer than the failures in a row that open the breaker: one failed statement is the failure of all its reads. */
const KEYS_MAX = 8

interface Batch {
  readonly keys: Set<SessionKey>
  readonly rows: Promise<ReadonlyMap<SessionKey, Row | undefined>>
}

/** All reads of a statement that fails reject with the same error. */
export function readsTogether({ readOne, readSome }: Reads): Reads['readOne'] {
  /** The one that reads may still join. */
  let joinable: Batch | undefined

  const send = async (keys: ReadonlySet<SessionKey>): Promise<ReadonlyMap<SessionKey, Row | undefined>> => {
    await nextTurn()
    // A later read must not join: it could miss a write that was acknowledged after the statement was sent.
    if (joinable?.keys === keys) joinable = undefined
    const [first, ...others] = keys
    if (first === undefined || others.length > 0) return await readSome([...keys])
    return new Map([[first, await readOne(first)]])
  }

  const begin = (): Batch => {
    const keys = new Set<SessionKey>()
    return { keys, rows: send(keys) }
  }

  return async (key) => {
    if (joinable === undefined || joinable.keys.size >= KEYS_MAX) joinable = begin()
    const { keys, rows } = joinable
    keys.add(key)
    return (await rows).get(key)
  }
}
