import type { Clock } from '../../src/clock.ts'
import { type Engine, sessionEngine } from '../../src/engine/engine.ts'
import { type EngineEvent, type EngineOptions } from '../../src/context/engine-options.ts'
import type { SessionStore } from '../../src/contract.ts'
import type { OpenSession } from '../../src/engine/session.ts'
import { memoryStore } from '../../src/stores/memory.ts'

export const MINUTE_MS = 60_000
export const START_MS = Date.UTC(2030, 0, 1)

export interface EngineUnderTest {
  readonly engine: Engine
  readonly store: SessionStore
  readonly time: { nowMs: number }
  readonly events: string[]
  /** As another request of the same client would find it; fails where there is nothing. */
  readonly reopen: (session: Pick<OpenSession, 'id'>) => Promise<OpenSession>
}

/** An engine over a memory store, on a clock that only the test moves. */
export function setUp(options: Partial<EngineOptions> = {}): EngineUnderTest {
  const time = { nowMs: START_MS }
  const clock: Clock = { now: () => time.nowMs }
  const events: string[] = []
  const store = memoryStore({ clock })
  const onEvent = ({ event }: EngineEvent): void => void events.push(event)
  const engine = sessionEngine({ store, clock, onEvent, ...options })
  return {
    engine,
    store,
    time,
    events,
    async reopen(session) {
      const opened = await engine.open(session.id)
      if (opened === undefined) throw new Error('the session is not there')
      return opened
    },
  }
}

/** The same, with a session that is stored with these fields. */
export async function begun(
  fields: Readonly<Record<string, unknown>>,
  options: Partial<EngineOptions> = {},
): Promise<EngineUnderTest & { readonly session: OpenSession }> {
  const under = setUp(options)
  const session = under.engine.create()
  await session.commit(fields)
  return { ...under, session }
}
