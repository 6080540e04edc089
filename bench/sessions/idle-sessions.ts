/** What a session costs that only lies there: the heap of a process of its own, before and after it holds many of them. */
import { worker } from '../harness/worker.ts'

export interface IdleSessions {
  readonly sessions: number
  /** Of one session's data as JSON. */
  readonly jsonBytes: number
  /** What the heap grew by for each session of a visitor: key, record, and its place in the map. */
  readonly heapBytes: number
  /** The same for each session of a user of its own, who has a record beside it: the list of the user's sessions. */
  readonly heapBytesWithUser: number
}

const SESSIONS = 100_000

export async function idleSessions(sessions = SESSIONS): Promise<IdleSessions> {
  const visitors = await measured('visitors', sessions)
  const users = await measured('users', sessions)
  return { sessions, jsonBytes: visitors.jsonBytes, heapBytes: visitors.heapBytes, heapBytesWithUser: users.heapBytes }
}

async function measured(who: string, sessions: number): Promise<{ jsonBytes: number; heapBytes: number }> {
  const filled = await worker<{ jsonBytes: number; heapBytes: number }>({
    name: `the idle sessions of ${who}`,
    file: new URL('idle-sessions-process.ts', import.meta.url),
    args: [who, String(sessions)],
    nodeOptions: ['--expose-gc'],
  })
  filled.stop()
  return filled.ready
}
