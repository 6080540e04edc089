/** The cost of an idle session: the heap of a process, before and after it holds many of them. */
import { worker } from '../harness/processes/worker.ts'

export interface IdleSessions {
  readonly sessions: number
  /** Of one session's data as JSON. */
  readonly jsonBytes: number
  /** Growth of the heap for each session of a visitor: key, record, and its place in the map. */
  readonly heapBytes: number
  /** The same for sessions of different users, with a record each for the list of the user's sessions. */
  readonly heapBytesWithUser: number
}

const SESSIONS = 100_000

export async function idleSessions(sessions = SESSIONS): Promise<IdleSessions> {
  const visitors = await measured('visitors', sessions)
  const users = await measured('users', sessions)
  return { sessions, jsonBytes: visitors.jsonBytes, heapBytes: visitors.heapBytes, heapBytesWithUser: users.heapBytes }
}

async function measured(owners: string, sessions: number): Promise<{ jsonBytes: number; heapBytes: number }> {
  const filled = await worker<{ jsonBytes: number; heapBytes: number }>({
    name: `the idle sessions of ${owners}`,
    file: new URL('idle-sessions-process.ts', import.meta.url),
    args: [owners, String(sessions)],
    nodeOptions: ['--expose-gc'],
  })
  filled.stop()
  return filled.ready
}
