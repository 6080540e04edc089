/** Opening a server that may just be starting: tries again until its time is over. */
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreConfigError } from '../../../errors.ts'
import type { Connection } from './pool.ts'

const RETRY_MS = 100

/** Rejects at once with StoreConfigError, and where `isHopeless`: another try does not mend that. */
export async function openWithin(
  boundMs: number,
  open: (leftMs: number) => Promise<void>,
  isHopeless: (error: unknown) => boolean,
): Promise<void> {
  const deadlineAtMs = performance.now() + boundMs
  /** Of the last try that was not cut off, whose error tells nothing. */
  let reason: unknown
  for (;;) {
    try {
      return await open(Math.max(1, deadlineAtMs - performance.now()))
    } catch (error) {
      if (error instanceof StoreConfigError || isHopeless(error)) throw error
      const nowMs = performance.now()
      if (nowMs < deadlineAtMs) reason = error
      if (nowMs + RETRY_MS > deadlineAtMs) throw reason ?? error
    }
    await sleep(RETRY_MS)
  }
}

/** Runs `work` with a connection of its own, which is destroyed afterwards, or when its time is over: a server may hang. */
export async function withConnection<Each extends Connection>(
  connect: () => Promise<Each>,
  boundMs: number,
  work: (connection: Each) => Promise<void>,
): Promise<void> {
  const connection = await connect()
  const late = setTimeout(() => connection.destroy(), boundMs)
  try {
    await work(connection)
  } finally {
    clearTimeout(late)
    connection.destroy()
  }
}

/** Adds what `setUp` learns of the server. The connection is destroyed if that fails, or when its time is over. */
export async function setUpWithin<Each extends Connection, Server>(
  boundMs: number,
  connection: Each,
  socket: Duplex,
  setUp: () => Promise<Server>,
): Promise<Each & { readonly server: Server }> {
  const late = setTimeout(() => socket.destroy(new Error(`no answer within ${boundMs} ms`)), boundMs)
  try {
    return Object.assign(connection, { server: await setUp() })
  } catch (error) {
    connection.destroy()
    throw error
  } finally {
    clearTimeout(late)
  }
}
