/** Keeps a connection over which texts come: again after each loss, until it is stopped. */
import type { NotificationListener, OnNotification } from './contract.ts'

/** Resolves, when texts come, to what ends the connection. */
export type ConnectStream = (on: OnNotification) => Promise<() => void>

/** After a loss; twice as long after each try that fails, as a server may refuse for good. */
const RETRY_MS = 250
const RETRY_MAX_MS = 30_000

/** The listeners of one store, which end with it. */
export interface NotificationStreams {
  listen(connect: ConnectStream, on: OnNotification): NotificationListener
  renew(): void
  close(): void
}

export function notificationStreams(): NotificationStreams {
  const streams = new Set<NotificationListener>()
  return {
    listen(connect, on) {
      const stream = notificationStream(connect, on, () => streams.delete(stream))
      streams.add(stream)
      return stream
    },
    renew() {
      for (const stream of streams) stream.renew()
    },
    close() {
      for (const stream of streams) stream.stop()
    },
  }
}

function notificationStream(connect: ConnectStream, on: OnNotification, onStop: () => void): NotificationListener {
  /** Of the connection that counts; undefined between two. */
  let current: symbol | undefined
  let end: (() => void) | undefined
  let retry: NodeJS.Timeout | undefined
  let isStopped = false
  let failures = 0

  const leave = (): void => {
    current = undefined
    end?.()
    end = undefined
  }

  const lost = (): void => {
    leave()
    on.lost()
    const pauseMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures) * (0.5 + Math.random())
    retry = setTimeout(() => void link(), pauseMs).unref()
  }

  const link = async (): Promise<void> => {
    const own = Symbol('connection')
    const isCurrent = (): boolean => current === own
    current = own
    try {
      const ends = await connect({
        text: (text) => isCurrent() && on.text(text),
        lost: () => isCurrent() && lost(),
      })
      if (!isCurrent()) return ends()
      end = ends
      failures = 0
    } catch {
      // Why does not matter: it is tried again, and until then the listener looks at its record.
      failures++
      if (isCurrent()) lost()
    }
  }

  void link()

  return {
    get isListening() {
      return end !== undefined
    },
    renew() {
      if (!isStopped && end !== undefined) lost()
    },
    stop() {
      isStopped = true
      clearTimeout(retry)
      leave()
      onStop()
    },
  }
}
