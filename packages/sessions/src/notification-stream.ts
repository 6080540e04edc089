/** Keeps a connection over which texts come: again after each loss, until it is stopped. */
import type { NotificationListener, OnNotification } from './contract.ts'

/** Resolves, when texts come, to what ends the connection. */
export type ConnectStream = (on: OnNotification) => Promise<() => void>

const RETRY_MS = 250

export function notificationStream(connect: ConnectStream, on: OnNotification): NotificationListener {
  /** Of the connection that counts; undefined between two. */
  let current: symbol | undefined
  let end: (() => void) | undefined
  let retry: NodeJS.Timeout | undefined
  let isStopped = false

  const leave = (): void => {
    current = undefined
    end?.()
    end = undefined
  }

  const lost = (): void => {
    leave()
    on.lost()
    retry = setTimeout(() => void link(), RETRY_MS).unref()
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
      if (isCurrent()) end = ends
      else ends()
    } catch {
      // Why does not matter: it is tried again, and until then the listener looks at its record.
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
    },
  }
}
