/**
 * The reads that come in one turn of the event loop go as one statement: a request asks for a session and for its user's list, and a busy node
 * has several requests in a turn. To send a statement and to wake for its answer costs more than the reading does.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SessionKey } from '../../../contract.ts'
import type { Row } from '../dialect.ts'

export interface Reads {
  readonly readOne: (key: SessionKey) => Promise<Row | undefined>
  readonly readSome: (keys: readonly SessionKey[]) => Promise<ReadonlyMap<SessionKey, Row | undefined>>
}

/** A statement's timeout is meant for a few rows. */
const KEYS_MAX = 50

export function readsTogether({ readOne, readSome }: Reads): Reads['readOne'] {
  const waiting = new Set<SessionKey>()
  let rows: Promise<ReadonlyMap<SessionKey, Row | undefined>> | undefined

  const readWaiting = async (): Promise<ReadonlyMap<SessionKey, Row | undefined>> => {
    await nextTurn()
    const keys = [...waiting] as [SessionKey, ...SessionKey[]]
    // What is asked for from now on has to see what was acknowledged meanwhile.
    waiting.clear()
    rows = undefined
    if (keys.length > 1) return await readSome(keys)
    const row = await readOne(keys[0])
    return new Map(row && [[keys[0], row]])
  }

  return async (key) => {
    if (waiting.size >= KEYS_MAX) return await readOne(key)
    waiting.add(key)
    rows ??= readWaiting()
    return (await rows).get(key)
  }
}
