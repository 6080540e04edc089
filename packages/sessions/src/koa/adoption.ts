/** For one request: the old sessions that its cookies name, as if they were cookies of ours. */
import { adopt, derivedId, endOld } from '../adoption/adopt.ts'
import type { OldSessions } from '../adoption/old-sessions.ts'
import type { Engine } from '../engine/engine.ts'
import type { Unsealed } from '../secrets/cookie.ts'
import { sessionKey } from '../secrets/id.ts'

/** What the client sent in place of a session. */
export interface Presented extends Unsealed {
  /** The cookie is the old software's, and its session gets this id. */
  readonly oldId?: string
}

export interface RequestAdoption {
  /** What the old cookies of the request name. */
  presented(): readonly Presented[]
  /** If what an old cookie names is a session at all, it is one of ours from here on. */
  adopt(presented: Presented): Promise<void>
  /** Ends the old sessions that the request's cookies name, as its own ends. */
  endOld(): Promise<void>
  readonly cookieNames: readonly string[]
  readonly keepsRecords: boolean
}

export function requestAdoption(engine: Engine, old: OldSessions, cookieHeader: string): RequestAdoption {
  const { cookieNames, keepsRecords } = old
  const presented = (): Presented[] => {
    const oldIds = (engine.clock.now() < old.untilMs && old.idsIn?.(cookieHeader)) || []
    return oldIds.map((oldId) => ({ id: derivedId(oldId), outdated: true, oldId }))
  }
  return {
    presented,
    cookieNames,
    keepsRecords,

    async adopt({ id, oldId }) {
      if (oldId === undefined) return
      const key = sessionKey(id.handle)
      await adopt(engine, old, { oldId, key }, ({ data, maxAgeMs }) => ({ data, maxAgeMs, secret: id.secret }))
    },

    async endOld() {
      for (const { id, oldId } of presented())
        if (oldId !== undefined) await endOld(engine, old, { oldId, key: sessionKey(id.handle) })
    },
  }
}
