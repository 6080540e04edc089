/** Texts from process to process over the links of a mesh, beside the protocol. */
import type { NotificationListener, Notifications, OnNotification } from '../contract.ts'
import type { Notification } from './wire/messages.ts'

export interface MeshNotifications extends Notifications {
  received(text: string): void
  /** A link has ended, or other nodes make up the mesh. */
  changed(): void
}

export interface MeshNotificationsOptions {
  readonly name: string
  /** The nodes of the mesh, as it is now. */
  readonly members: () => readonly string[]
  /** Of the protocol that the link to that node speaks; undefined without a link. */
  readonly version: (to: string) => number | undefined
  readonly post: (to: string, message: Notification) => void
}

/** From this version of the protocol on a peer takes notifications. */
const NOTIFICATION_VERSION = 3

export function meshNotifications({ name, members, version, post }: MeshNotificationsOptions): MeshNotifications {
  const listeners = new Set<OnNotification>()
  const takesThem = (other: string): boolean => (version(other) ?? 0) >= NOTIFICATION_VERSION

  return {
    // A link delivers in order, or ends.
    tellsLosses: true,

    async send(text) {
      for (const other of members()) if (takesThem(other)) post(other, { type: 'notification', text })
    },

    listen(on): NotificationListener {
      listeners.add(on)
      return {
        /** A node that is cut off from this one alone may still be told something by a client. One that is no member is told nothing. */
        get isListening() {
          const all = members()
          return all.includes(name) && all.every((other) => other === name || takesThem(other))
        },
        // The links look after themselves.
        renew() {},
        stop: () => void listeners.delete(on),
      }
    },

    received(text) {
      for (const { text: tell } of listeners) tell(text)
    },

    changed() {
      for (const { lost } of listeners) lost()
    },
  }
}
