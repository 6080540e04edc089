/**
 * Sessions in the memory of the nodes themselves: on every one (`replicated:`), or each on an owner and some backups
 * (`clustered:`). PROTOCOL.md says what a verb promises; this file adds the URL, the sockets and the errors.
 *
 * open() waits until the node takes part. From then on it answers, from its own memory or by calling a node that has the
 * session. While it is cut off from the majority it rejects, and health() says so to a readiness probe. When most others refuse
 * this node, the mesh can never be: open() rejects at once, because the configuration must change.
 */
import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../clock.ts'
import type { Capabilities, MembersStatus, SessionStore, StoreMembers } from '../contract.ts'
import { StoreConfigError, StoreFullError, StoreUnavailableError } from '../errors.ts'
import type { Lookup } from './links/dialling.ts'
import type { RefusalCode } from './links/handshake.ts'
import type { MeshEvent, StoreReport } from '../telemetry.ts'
import { type MeshMember, member, type MemberStatus } from './member.ts'
import type { MeshLocation } from './links/location.ts'
import { meshLocation } from './mesh-url.ts'
import type { MembersWish } from './replica/peer-surface.ts'
import type { VerbOutcome, VerbRefusal } from './wire/messages.ts'

export interface MeshStoreOptions {
  /** See mesh-url.ts for its forms. */
  readonly url: string
  /** Of this node, where the URL does not say. */
  readonly name?: string | undefined
  /** That all nodes share, where the URL does not say. */
  readonly secret?: string | undefined
  readonly onEvent?: ((event: MeshEvent) => void) | undefined
  readonly clock?: Clock
  /**
   * The most sessions and fences that this node holds. Visitors' sessions may take nine tenths of that; once all of it is
   * taken, creating another is refused, and the store is not healthy. Default 1,000,000.
   */
  readonly recordsMax?: number
  readonly lookup?: Lookup
}

export interface MeshStore extends SessionStore {
  status(): MemberStatus
}

const OPEN_TIMEOUT_MS = 5_000
const LOOK_EVERY_MS = 20
/** For a change of view, or a busy machine: health() reports a lapse only when it lasts longer. */
const LAPSE_MS = 250
/** A refusal that stays for so long is not of a node that was just about to leave. */
const REFUSED_FOR_MS = 500
/** A record has to fit into a frame. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024
const UNIT_BYTES_MAX = 3
/** Of `recordsMax`. A record can't be given up on one node alone, so visitors never take the rest. */
const VISITORS_SHARE = 0.9

/** Until a node that was added has every session, or one that was removed knows it. */
const MEMBERS_MAX_MS = 30_000

/** Refusals that last until the configuration of one of the two nodes is changed. */
const FOR_GOOD: ReadonlySet<RefusalCode> = new Set(['secret', 'version', 'stranger', 'duplicate'])

export function meshStore(options: MeshStoreOptions): MeshStore {
  const { url, name, secret, onEvent, clock = systemClock, recordsMax = 1_000_000, lookup } = options
  const location = meshLocation(url, { name, secret })
  const { ack = 'one', openTimeoutMs = OPEN_TIMEOUT_MS } = location
  const storeName = location.copies === 'all' ? 'replicated' : 'clustered'
  const own = member({ location, wallMs: () => clock.now(), onEvent, recordsMax, lookup })
  let closed = false

  const unavailable = (why: unknown): StoreUnavailableError => new StoreUnavailableError(storeName, why)
  const full = (why: string): StoreFullError => new StoreFullError(`${storeName}, ${why}`)

  /** Resolves once verbs are carried out. */
  const serving = async (waitMs: number, look?: (status: MemberStatus) => void): Promise<MemberStatus> => {
    const deadlineAtMs = performance.now() + waitMs
    for (;;) {
      const status = own.status()
      if (closed) throw unavailable(new Error(REFUSALS.closed))
      if (status.serves) return status
      look?.(status)
      if (performance.now() >= deadlineAtMs) throw unavailable(new Error(missing(status)))
      await sleep(LOOK_EVERY_MS)
    }
  }

  /**
   * A program that is ready counts as a copy of every session, so it waits for these, but not longer than it may take to open. A node that the
   * others drop while it joins serves by calling them, and has none: it joins again.
   */
  const joined = async (): Promise<void> => {
    const deadlineAtMs = performance.now() + openTimeoutMs
    const waits = (): boolean => !closed && own.status().role !== 'full' && performance.now() < deadlineAtMs
    while (waits()) await sleep(LOOK_EVERY_MS)
  }

  const carriedOut = <T>(begin: Begin<T>): Promise<T> =>
    settled(begin, (refusal) => {
      return refusal === 'full' ? full('no room for another record') : unavailable(new Error(REFUSALS[refusal]))
    })

  return {
    name: storeName,
    capabilities: capabilities(location),

    async open() {
      if (closed) throw unavailable(new Error(REFUSALS.closed))
      await own.open().catch((error: unknown) => {
        throw unavailable(error)
      })
      await serving(openTimeoutMs, (status) => refuseForGood(status, location))
      await joined()
    },

    read: (key) => carriedOut((done) => own.peer.read(key, done)),

    write(key, { expectedVersion, expiresAtMs, body, givesWay = false }) {
      if (givesWay && expectedVersion === 0 && own.peer.status().records >= recordsMax * VISITORS_SHARE)
        return Promise.reject(full('full for visitors'))
      if (isTooLarge(body)) return Promise.reject(full(`${BODY_BYTES_MAX} bytes a record`))
      return carriedOut((done) => own.peer.write(key, { expectedVersion, expiresAtMs, body, ack }, done))
    },

    touch: (key, expiresAtMs) => carriedOut((done) => own.peer.touch(key, expiresAtMs, done)),

    destroy: async (key, { fenceUntilMs }) => {
      await carriedOut((done) => own.peer.destroy(key, { fenceUntilMs, ack }, done))
    },

    health: async () => {
      const { records } = await serving(LAPSE_MS)
      if (records >= recordsMax) throw full(`full at ${recordsMax}`)
    },

    async close() {
      closed = true
      await own.close()
    },

    notifications: own.notifications,
    members: location.founders === undefined ? undefined : storeMembers(own, unavailable, () => closed),
    localSessionCount: () => own.peer.status().sessions,
    status: () => own.status(),
    report: () => reportOn(own.status(), location),
  }
}

function storeMembers(
  { peer }: MeshMember,
  unavailable: (why: unknown) => Error,
  isClosed: () => boolean,
): StoreMembers {
  const status = (): MembersStatus => {
    const { members } = peer.status()
    assert(members !== undefined, 'the names of a mesh with founders may change')
    return members
  }
  const change = async (wish: MembersWish, isOver: (status: MembersStatus) => boolean): Promise<void> => {
    const refusal = await new Promise<string | undefined>((resolve) => peer.changeMembers(wish, resolve))
    if (refusal !== undefined) throw unavailable(new Error(refusal))
    const deadlineAtMs = performance.now() + MEMBERS_MAX_MS
    while (!isOver(status())) {
      if (isClosed()) throw unavailable(new Error(REFUSALS.closed))
      if (performance.now() > deadlineAtMs)
        throw unavailable(
          new Error(`${wish.name} ${wish.change === 'add' ? 'has not joined' : 'does not know it'} yet`),
        )
      await sleep(LOOK_EVERY_MS)
    }
  }
  return {
    status,
    add: (name) => change({ change: 'add', name }, ({ counted }) => counted.includes(name)),
    remove: (name, { isGone = false } = {}) =>
      change(
        { change: 'remove', name, isGone },
        ({ counted, removing }) => !counted.includes(name) && removing !== name,
      ),
  }
}

function reportOn(status: MemberStatus, { names }: MeshLocation): StoreReport {
  const { linked, apart, repaired, traffic } = status
  const { sentBytes, receivedBytes, refusals, malformed, strangers } = traffic
  return {
    warnings: apart.length === 0 ? [] : [lines(apart)],
    mesh: {
      peers: (status.members?.counted ?? names).length - 1,
      linked,
      sentBytes,
      receivedBytes,
      refusals,
      malformed,
      strangers,
      repaired,
    },
  }
}

type Begin<T> = (done: (outcome: VerbOutcome<T>) => void) => void

/** What the peer's callback says, as a promise. */
function settled<T>(begin: Begin<T>, refused: (refusal: VerbRefusal) => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((outcome) => {
      if (outcome.ok) resolve(outcome.value)
      else reject(refused(outcome.refusal))
    })
  })
}

function isTooLarge(body: string): boolean {
  return body.length * UNIT_BYTES_MAX > BODY_BYTES_MAX && Buffer.byteLength(body) > BODY_BYTES_MAX
}

const REFUSALS: Readonly<Record<VerbRefusal, string>> = {
  unavailable: 'not enough nodes are within reach',
  unknown: 'no answer in time from the other nodes, and the change may have been made',
  busy: 'too many calls are under way',
  full: 'no room for another record',
  closed: 'the store is closed',
}

const ALL_AT_ONCE = 'sessions live in the memory of the nodes, and are gone when too many of them restart at once'

function capabilities({ names, founders = names }: MeshLocation): Capabilities {
  const alone = { excused: 'there is but one node, and sessions live in its memory' }
  return {
    shared: founders.length > 1 ? 'held' : alone,
    survivesNodeDeath: founders.length > 1 ? 'held' : alone,
    survivesStoreRestart: { excused: ALL_AT_ONCE },
    fences: 'held',
    notifies: 'held',
  }
}

/** Throws StoreConfigError when so many others refuse this node that there will never be a majority with it. */
function refuseForGood({ apart }: MemberStatus, { names: all, founders: names = all }: MeshLocation): void {
  const settledMs = performance.now() - REFUSED_FOR_MS
  const refused = apart.filter(({ trouble }) => {
    const code = trouble?.refused?.refusal.code
    return code !== undefined && FOR_GOOD.has(code) && trouble !== undefined && trouble.sinceMs <= settledMs
  })
  // Another node with this node's name is up: waiting does not help.
  const isSecond = refused.some(({ trouble }) => {
    return trouble?.refused?.by === 'them' && trouble.refused.refusal.code === 'duplicate'
  })
  const majority = Math.floor(names.length / 2) + 1
  if (isSecond || names.length - refused.length < majority)
    throw new StoreConfigError(`no mesh with this node: ${lines(refused)}`)
}

/** One line for an operator. */
function missing({ misses, apart }: MemberStatus): string {
  return [misses ?? 'it does not serve yet', ...(apart.length === 0 ? [] : [lines(apart)])].join('; ')
}

function lines(apart: MemberStatus['apart']): string {
  return apart.map(({ name, trouble }) => trouble?.line ?? `${name} was not met yet`).join('; ')
}
