/** Texts from process to process over the links of a mesh, beside the protocol. */
import type { NotificationListener, Notifications, OnNotification } from '../contract.ts'
import type { Notification } from './wire/messages.ts'

export interface MeshNotifications extends Notifications {
  received(text: string): void
  unlinked(): void
}

export interface MeshNotificationsOptions {
  /** The other nodes of the mesh, as it is now. */
  readonly others: () => readonly string[]
  /** Of the protocol that the link to that node speaks; undefined without a link. */
  readonly version: (to: string) => number | undefined
  readonly post: (to: string, message: Notification) => void
}

/** From this version of the protocol on a peer takes notifications. */
const NOTIFICATION_VERSION = 3

export function meshNotifications({ others, version, post }: MeshNotificationsOptions): MeshNotifications {
  const listeners = new Set<OnNotification>()
  const takesThem = (other: string): boolean => (version(other) ?? 0) >= NOTIFICATION_VERSION

  return {
    async send(text) {
      for (const other of others()) if (takesThem(other)) post(other, { type: 'notification', text })
    },

    listen(on): NotificationListener {
      listeners.add(on)
      return {
        /** A node that is cut off from this one alone may still be told something by a client. */
        get isListening() {
          return others().every(takesThem)
        },
        // The links look after themselves.
        renew() {},
        stop: () => void listeners.delete(on),
      }
    },

    received(text) {
      for (const { text: tell } of listeners) tell(text)
    },

    unlinked() {
      for (const { lost } of listeners) lost()
    },
  }
}
