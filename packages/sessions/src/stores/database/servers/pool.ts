/**
 * A bounded number of connections to a database server, each of which carries one call at a time. A call waits for a connection
 * and for its answers, both within one timeout. If the time is over, its connection is destroyed, because an answer may still come;
 * whether the server carried out what it was sent is then not known.
 *
 * A server that dies in silence leaves its sockets open, so after a timeout the idle connections to it are destroyed too, and the
 * next calls connect anew. There is no timer: connections are made when calls need them.
 */
import { type Deadlines, deadlineList } from '../../../deadlines.ts'

export interface Connection {
  /** Whether it can carry another call. */
  readonly isUsable: boolean
  destroy(): void
}

export interface PoolOptions<Each extends Connection> {
  /** Makes a connection, within a bound of its own. */
  readonly connect: () => Promise<Each>
  readonly connectionsMax: number
  readonly timeoutMs: number
}

export interface Pool<Each extends Connection> {
  /** Runs `call` with a connection. If it rejects, the connection is kept as long as it is usable. */
  run<T>(call: (connection: Each) => Promise<T>): Promise<T>
  /** The next calls connect anew, as when the server turned out to be no primary. */
  dropIdle(): void
  close(): void
}

interface Waiting<Each> {
  resolve(connection: Each): void
  reject(error: unknown): void
}

const WAITING_MAX = 10_000
const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 500

export function connectionPool<Each extends Connection>(options: PoolOptions<Each>): Pool<Each> {
  const { connect, connectionsMax, timeoutMs } = options
  const deadlines: Deadlines = deadlineList(timeoutMs, () => new Error(`no answer within ${timeoutMs} ms`))
  /** The connection used last is used next. */
  const idle: Each[] = []
  const waiting = new Set<Waiting<Each>>()
  let busy = 0
  let connecting = 0
  let pauseMs = 0
  let failure: { readonly error: unknown; readonly untilMs: number } | undefined
  let isClosed = false

  const connectOne = async (): Promise<void> => {
    connecting++
    try {
      const connection = await connect()
      connecting--
      pauseMs = 0
      failure = undefined
      release(connection)
    } catch (error) {
      connecting--
      // Without any connection, calls are refused at once until the pause is over.
      pauseMs = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, 2 * pauseMs))
      failure = { error, untilMs: performance.now() + pauseMs }
    }
    growForWaiting()
  }

  const rejectWaiting = (error: unknown): void => {
    for (const call of waiting) call.reject(error)
    waiting.clear()
  }

  /** Gives the connection to the call that has waited longest. */
  const release = (connection: Each): void => {
    if (isClosed || !connection.isUsable) return connection.destroy()
    const [first] = waiting
    if (first === undefined) return void idle.push(connection)
    waiting.delete(first)
    busy++
    first.resolve(connection)
  }

  const growForWaiting = (): void => {
    if (waiting.size === 0 || isClosed) return
    if (failure !== undefined && performance.now() < failure.untilMs) {
      if (busy === 0 && connecting === 0) rejectWaiting(failure.error)
      return
    }
    // After a failure one attempt finds out whether the server is back.
    const attemptsMax = failure === undefined ? connectionsMax - busy - idle.length : 1
    while (connecting < Math.min(attemptsMax, waiting.size)) void connectOne()
  }

  const takeIdle = (): Each | undefined => {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.isUsable) return connection
      connection.destroy()
    }
    return undefined
  }

  const dropIdle = (): void => {
    for (const connection of idle.splice(0)) connection.destroy()
  }

  return {
    async run(work) {
      if (isClosed) throw closed()
      let waits: Waiting<Each> | undefined
      let used: Each | undefined

      const acquire = async (): Promise<Each> => {
        const connection = takeIdle()
        if (connection !== undefined) {
          busy++
          return connection
        }
        if (waiting.size >= WAITING_MAX) throw new Error(`${WAITING_MAX} calls wait for a connection`)
        const { promise, resolve, reject } = Promise.withResolvers<Each>()
        waits = { resolve, reject }
        waiting.add(waits)
        growForWaiting()
        return await promise
      }

      /** Also called when the time is over, since a driver may leave the calls of a destroyed connection without an answer. */
      const finish = (): void => {
        if (used === undefined) return
        busy--
        release(used)
        used = undefined
        growForWaiting()
      }

      const carried = async () => {
        used = await acquire()
        return await work(used).finally(finish)
      }

      const abandon = () => {
        if (waits !== undefined) waiting.delete(waits)
        if (used === undefined) return
        used.destroy()
        dropIdle()
        finish()
      }
      return await deadlines.within(carried(), abandon)
    },

    dropIdle,

    close() {
      isClosed = true
      dropIdle()
      rejectWaiting(closed())
      deadlines.giveUp(closed)
    },
  }
}

function closed(): Error {
  return new Error('the store was closed')
}
