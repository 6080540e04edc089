/**
 * One peer of a mesh in a process: with links to the others, the codec, clocks, and the one timer that drives peer and
 * links. The peer itself knows none of these, so that the simulation can run it.
 */
import { randomBytes } from 'node:crypto'
import { checkRanks } from './wire/check-ranks.ts'
import { codecs } from './wire/codec.ts'
import type { Lookup } from './links/dialling.ts'
import { WAIT_MAX_MS } from '../options.ts'
import type { MeshEvent } from '../telemetry.ts'
import type { Frame } from './wire/frames.ts'
import type { LinkCounts } from './links/link-counts.ts'
import { MeshLinks } from './links/links.ts'
import type { MeshLocation } from './links/location.ts'
import { type MeshNotifications, meshNotifications } from './mesh-notifications.ts'
import type { LinkMessage } from './wire/messages.ts'
import { peer as meshPeer, type Peer, type PeerEvent, type PeerStatus } from './replica/peer.ts'
import type { LinkTrouble } from './links/troubles.ts'

export interface MemberOptions {
  readonly location: MeshLocation
  readonly wallMs: () => number
  readonly onEvent?: ((event: MeshEvent) => void) | undefined
  readonly lookup?: Lookup | undefined
  readonly recordsMax?: number | undefined
}

export interface MeshMember {
  readonly peer: Peer
  readonly notifications: MeshNotifications
  /** Listens. May be called again after it rejected. */
  open(): Promise<void>
  status(): MemberStatus
  close(): Promise<void>
}

export interface MemberStatus extends PeerStatus {
  readonly linked: readonly string[]
  readonly apart: readonly Apart[]
  readonly traffic: Readonly<LinkCounts>
}

/** A node that there is no link to, and why, as far as known. */
export interface Apart {
  readonly name: string
  readonly trouble: LinkTrouble | undefined
}

const INCARNATION_BYTES = 6

export function member({ location, wallMs, onEvent = () => {}, lookup, recordsMax }: MemberOptions): MeshMember {
  const { name, names, founders, copies } = location
  const incarnation = randomBytes(INCARNATION_BYTES).readUIntBE(0, INCARNATION_BYTES) || 1
  const links = new MeshLinks({
    location,
    incarnation,
    lookup,
    on: {
      linked: (other, at) => peer.linked(other, at),
      unlinked: (other) => {
        peer.unlinked(other)
        notifications.changed()
      },
      ended: (other, incarnation) => peer.ended(other, incarnation),
      received: (from, bytes, start, end, version) => {
        const message = codecs.get(version)?.decode(bytes, start, end)
        if (message === undefined) return
        if (message.type === 'notification') return notifications.received(message.text)
        checkRanks(message, names.length)
        peer.receive(from, message)
      },
      event: onEvent,
    },
  })
  const send = sender(links)
  const members = (): readonly string[] => membersOf(peer.status(), names)
  const notifications = meshNotifications({
    name,
    members,
    version: (to) => links.version(to),
    post: send,
  })
  const peer = meshPeer({
    names,
    name,
    founders,
    incarnation,
    copies,
    clock: { monotonicMs: () => performance.now(), wallMs },
    random: Math.random,
    send,
    onDue: (atMs) => {
      dueAtMs = atMs
      arm()
    },
    ...(recordsMax === undefined ? {} : { recordsMax }),
    onEvent: (event) => {
      if (event.event === 'view' && founders !== undefined) {
        links.want(members())
        notifications.changed()
      }
      onEvent(ofPeer(event))
    },
  })
  let dueAtMs = 0
  let isOpen = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const arm = (): void => {
    clearTimeout(timer)
    if (!isOpen || dueAtMs === Infinity) return
    const waitMs = Math.min(Math.max(Math.ceil(dueAtMs - performance.now()), 0), WAIT_MAX_MS)
    timer = setTimeout(tick, waitMs).unref()
  }

  const tick = (): void => {
    peer.tick()
    links.endSilent(peer.awakeSinceMs)
  }

  return {
    peer,
    notifications,

    async open() {
      await links.open()
      if (isClosed) return
      isOpen = true
      arm()
    },

    status() {
      const linked = links.linked()
      const apart = members().filter((other) => other !== name && !linked.includes(other))
      return {
        ...peer.status(),
        linked,
        apart: apart.map((other) => ({ name: other, trouble: links.trouble(other) })),
        traffic: links.counts(),
      }
    },

    async close() {
      isOpen = false
      isClosed = true
      clearTimeout(timer)
      peer.close()
      await links.close()
    },
  }
}

/** The names that the mesh has now: the one that is being added, too. */
function membersOf({ members }: PeerStatus, names: readonly string[]): readonly string[] {
  if (members === undefined) return names
  return members.adding === undefined ? members.counted : [...members.counted, members.adding]
}

/** Encodes a message to several peers once. */
function sender(links: MeshLinks): (to: string, message: LinkMessage) => void {
  let packed: { readonly message: LinkMessage; readonly version: number; readonly frame: Frame } | undefined
  return (to, message) => {
    const version = links.version(to)
    const codec = version === undefined ? undefined : codecs.get(version)
    if (version === undefined || codec === undefined) return
    if (packed?.message !== message || packed.version !== version)
      packed = { message, version, frame: codec.encode(message) }
    links.send(to, packed.frame)
  }
}

function ofPeer(event: PeerEvent): MeshEvent {
  switch (event.event) {
    case 'view':
      return { event: 'mesh-view', number: event.view.number, roles: event.names }
    case 'repaired':
      return { event: 'mesh-repaired', records: event.records }
    case 'lost':
      return { event: 'mesh-lost' }
  }
}
