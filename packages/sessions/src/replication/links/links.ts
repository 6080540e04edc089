/**
 * The links of one node to all others: one for each pair. The node whose name comes first dials, so that two nodes that dial
 * each other at once end with one link. The other node may knock: it dials, is refused, and is dialled back. So a node that
 * has just started need not wait for the next dial, nor one that has lost its link until this one notices.
 *
 * What keeps two nodes apart is reported as one line for a person, once for as long as it stays the same.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import type { LinkEvent } from '../../telemetry.ts'
import { EVERYWHERE, plain, shown } from './address.ts'
import { type Admission, admission, ALIVE_WITHIN_MS } from './admission.ts'
import { type DeathWatch, deathWatch } from './death-watch.ts'
import { type DialAttempt, type Dialling, dialling, type Lookup, type DialOutcome } from './dialling.ts'
import type { Frame } from '../wire/frames.ts'
import { clusterText, type Identity, type HandshakeRole, SPOKEN, type SpokenVersions } from './handshake.ts'
import { addBytes, type LinkCounts, noCounts } from './link-counts.ts'
import { apart, Link, reason, type LinkRefusal, type LinkEnd } from './link.ts'
import type { LinkedPeer } from '../context/linked-peer.ts'
import type { MeshLocation } from './location.ts'
import { readRoster, ROSTER_MARK, type Roster, rosterFrame } from './roster.ts'
import { type MeshSockets, meshSockets } from './sockets.ts'
import { strangers } from './strangers.ts'
import { type LinkTrouble, troubleBook } from './troubles.ts'

export interface LinkEvents {
  linked(name: string, at: LinkedPeer): void
  unlinked(name: string): void
  /** That process is gone, see death-watch.ts; its link may not have ended yet. */
  ended(name: string, incarnation: number): void
  /** The bytes are valid during the call only. Throws MalformedFrameError for what is no message. */
  received(from: string, bytes: Buffer, start: number, end: number, version: number): void
  event(event: LinkEvent): void
}

export interface LinksOptions {
  readonly location: MeshLocation
  readonly incarnation: number
  readonly on: LinkEvents
  readonly speaks?: SpokenVersions | undefined
  readonly lookup?: Lookup | undefined
}

/** A connection that is no link yet. */
interface Opening {
  /** On the clock of `performance.now()`. */
  readonly atMs: number
  /** Undefined where the other node has dialled. */
  readonly attempt: DialAttempt | undefined
  readonly remote: string
}

/** Nodes answer many times a second while this one is awake: a link that is silent for so long then is dead. */
const SILENCE_MS = 2_000
/** After a roster named another node with the name of a linked one: time to notice that one of the two is dead. */
const DOUBT_MS = 150

export class MeshLinks {
  readonly #self: Identity
  readonly #options: LinksOptions
  readonly #sockets: MeshSockets
  readonly #admission: Admission
  readonly #dialling: Dialling
  readonly #deaths: DeathWatch
  readonly #troubles = troubleBook()
  readonly #up = new Map<string, Link>()
  readonly #greeting = new Set<Link>()
  readonly #counts = noCounts()
  /** The names that the mesh has now. Others are linked when they ask for it; a node that is none of them asks all. */
  #wanted: ReadonlySet<string>
  #server: Server | undefined
  readonly #unsent = new Set<Link>()
  readonly #strangers = strangers((address) => this.#dropped(address))
  #opening: Promise<unknown> | undefined
  #closed = false

  constructor(options: LinksOptions) {
    const { location, incarnation, speaks = SPOKEN, lookup } = options
    const { name, names, founders, copies, whereabouts } = location
    this.#wanted = new Set(founders ?? names)
    this.#options = options
    this.#self = { name, incarnation, cluster: clusterText(names, copies, founders), speaks }
    this.#sockets = meshSockets(location)
    this.#deaths = deathWatch(this.#self, (other, ended) => this.#ended(other, ended))
    this.#admission = admission(this.#self, names, (other) => this.#up.get(other))
    this.#dialling = dialling({
      whereabouts,
      self: name,
      isLinked: (other) => this.#up.has(other),
      isWanted: (other) => this.#wanted.has(other) || !this.#wanted.has(name),
      isComplete: () => [...this.#wanted].every((other) => other === name || this.#up.has(other)),
      dial: (attempt, done) => this.#dial(attempt, done),
      lookup,
      chance: Math.random,
    })
  }

  /** Resolves when it listens, rejects with the system's error and may be called again. The links come by themselves. */
  async open(): Promise<void> {
    if (this.#closed || this.#server?.listening === true) return
    const { host, port } = this.#options.location.listen
    this.#server = this.#sockets.server(
      (socket) => this.#accept(socket),
      (error, socket) => this.#unsafe(error, socket),
    )
    this.#strangers.watch(this.#server)
    this.#server.listen(host === EVERYWHERE ? { port } : { host, port })
    this.#opening = once(this.#server, 'listening')
    await this.#opening
    if (this.#closed) return
    this.#deaths.open()
    // One connection that could not be taken is no reason to end.
    this.#server.on('error', (error) => this.#trouble(this.#self.name, `a connection was not taken: ${error.message}`))
    this.#dialling.start()
  }

  /** The names that the mesh has from now on. */
  want(names: readonly string[]): void {
    this.#wanted = new Set(names)
    for (const name of names) if (name !== this.#self.name && !this.#up.has(name)) this.#dialling.hurry(name)
  }

  /** Leaves with everything else of this turn of the event loop. False where there is no link. */
  send(to: string, frame: Frame): boolean {
    const link = this.#up.get(to)
    if (link === undefined) return false
    if (link.outbox.push(frame.bytes, frame.start, frame.end)) {
      if (this.#unsent.size === 0) setImmediate(() => this.#flush())
      this.#unsent.add(link)
      return true
    }
    // Not at once: a sender does not expect its link to end during the call.
    setImmediate(() => link.end({ kind: 'overflow', line: `${to} does not take what it is sent` }))
    return false
  }

  /** Of the protocol; undefined while there is no link to that node. */
  version(to: string): number | undefined {
    return this.#up.get(to)?.version
  }

  /** Ends links on which nothing was heard for too long, since when every other node should have answered. */
  endSilent(awakeSinceMs: number): void {
    const silentBeforeMs = performance.now() - SILENCE_MS
    for (const [name, link] of this.#up) {
      if (Math.max(link.heardAtMs, awakeSinceMs) < silentBeforeMs)
        link.end({ kind: 'lost', line: `${name} has said nothing for ${SILENCE_MS} ms` })
    }
  }

  linked(): string[] {
    return [...this.#up.keys()]
  }

  /** Why there is no link to a node, as far as known. */
  trouble(name: string): LinkTrouble | undefined {
    return this.#troubles.of(name)
  }

  counts(): Readonly<LinkCounts> {
    const counts = { ...this.#counts, strangers: this.#strangers.dropped }
    for (const { socket } of [...this.#up.values(), ...this.#greeting]) addBytes(counts, socket)
    return counts
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#dialling.stop()
    for (const link of [...this.#up.values(), ...this.#greeting]) {
      link.outbox.flush()
      link.socket.end()
      link.end({ kind: 'lost', line: 'closed' })
    }
    this.#deaths.close()
    // A server that does not listen yet can't be closed.
    await this.#opening?.catch(() => 'the caller of open() is told')
    const server = this.#server
    if (server?.listening === true) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  #flush(): void {
    for (const link of this.#unsent) link.outbox.flush()
    this.#unsent.clear()
  }

  #accept(socket: Socket): void {
    if (this.#closed) socket.destroy()
    else this.#open(socket, 'dialled', undefined, () => {})
  }

  #dial(attempt: DialAttempt, done: (outcome: DialOutcome) => void): void {
    const socket = this.#sockets.dial(attempt.address)
    this.#strangers.expect(attempt.address.host)
    socket.on('lookup', (_error, address) => this.#strangers.expect(address))
    this.#open(socket, 'dialler', attempt, done)
  }

  #open(
    socket: Socket,
    role: HandshakeRole,
    attempt: DialAttempt | undefined,
    done: (outcome: DialOutcome) => void,
  ): void {
    // As a resolver would write it, or the dialling would take it for another node's.
    const remote = attempt === undefined ? plain(socket.remoteAddress ?? 'a stranger') : shown(attempt.address)
    const opening = { atMs: performance.now(), attempt, remote }
    let met: Identity | undefined
    let isUp = false
    const link = new Link({
      socket,
      role,
      self: this.#self,
      secret: this.#options.location.secret,
      random: randomBytes,
      objection: (peer) => {
        met = peer
        return this.#admission.objection(peer, attempt)
      },
      onUp: (link, peer) => {
        isUp = true
        this.#greeting.delete(link)
        this.#strangers.proven(socket)
        this.#join(link, peer)
        done({ kind: 'linked', name: peer.name })
      },
      onFrame: (link, bytes, start, end) => this.#receive(link, bytes, start, end),
      onEnd: (link, why) => {
        this.#greeting.delete(link)
        addBytes(this.#counts, socket)
        if (isUp) this.#leave(link, why)
        else done(this.#failed(met, why, opening))
      },
    })
    this.#greeting.add(link)
  }

  #join(link: Link, peer: Identity): void {
    // The peer dials anew because its former link is gone, even if this node has not noticed yet.
    this.#up.get(peer.name)?.end({ kind: 'lost', line: `${peer.name} came back` })
    this.#up.set(peer.name, link)
    this.#troubles.clear(peer.name)
    this.#tellRoster()
    this.#options.on.event({ event: 'mesh-linked', peer: peer.name, line: `linked to ${peer.name}` })
    this.#options.on.linked(peer.name, { incarnation: peer.incarnation, version: link.version })
    this.#deaths.watch(peer.name, peer.incarnation)
  }

  #ended(name: string, incarnation: number): void {
    if (!this.#up.has(name)) this.#trouble(name, `${name} has ended`)
    this.#options.on.ended(name, incarnation)
  }

  #leave(link: Link, why: LinkEnd): void {
    const name = link.peer?.name ?? ''
    if (why.kind === 'malformed') this.#counts.malformed++
    if (why.kind === 'overflow') this.#counts.overflows++
    if (this.#up.get(name) === link) this.#up.delete(name)
    if (this.#closed) return
    this.#trouble(name, `the link to ${name} is gone: ${reason(why)}`)
    this.#options.on.unlinked(name)
    // Not at once: a newer link to the same node may be replacing this one.
    setImmediate(() => this.#dialling.hurry(name))
  }

  /** A link that never stood. */
  #failed(met: Identity | undefined, why: LinkEnd, { atMs, attempt, remote }: Opening): DialOutcome {
    if (why.kind === 'malformed') this.#counts.malformed++
    const declined = { kind: 'declined', name: met?.name } as const
    const refused = why.kind === 'refused' ? why : undefined
    const refusal = refused?.refusal
    if (refusal?.code === 'itself') return { kind: 'itself' }
    if (refusal?.code === 'dial-back') {
      if (attempt === undefined && met !== undefined) this.#knocked(met, remote, atMs)
      return declined
    }
    const name = met?.name ?? attempt?.expected ?? remote
    if (refusal !== undefined) this.#counts.refusals++
    // An unknown client that gave up during the handshake is not worth a line.
    if (refusal !== undefined || attempt !== undefined) this.#trouble(name, apart(name, remote, why), refused)
    return refusal === undefined ? { kind: 'failed' } : declined
  }

  /** A node knocks while it has no link to this one. Behind a DNS name it may only try another address of this node. */
  #knocked({ name, incarnation }: Identity, remote: string, atMs: number): void {
    const up = this.#up.get(name)
    const { kind } = this.#options.location.whereabouts
    // A link that was heard lately may have come up meanwhile, and another process of this name proves nothing of the one that is linked.
    const isStale = up !== undefined && up.peer?.incarnation === incarnation && up.heardAtMs < atMs - ALIVE_WITHIN_MS
    if (isStale && kind === 'list') up.end({ kind: 'lost', line: `${name} has lost it` })
    this.#dialling.hurry(name, remote)
  }

  #trouble(name: string, line: string, refused?: LinkRefusal): void {
    if (this.#closed || !this.#troubles.note(name, line, refused)) return
    const event = refused === undefined ? 'mesh-unlinked' : 'mesh-refused'
    this.#options.on.event({ event, peer: name, line })
  }

  #dropped(address: string): void {
    const line = `connections from ${address} that prove nothing are dropped for newer ones`
    // Their own entry: an address may also be where a peer was refused.
    if (!this.#closed && this.#troubles.note(`strangers at ${address}`, line))
      this.#options.on.event({ event: 'mesh-strangers', peer: address, line })
  }

  #receive(link: Link, bytes: Buffer, start: number, end: number): void {
    const name = link.peer?.name ?? ''
    if (bytes[start] === ROSTER_MARK) this.#compare(readRoster(bytes, start, end))
    else this.#options.on.received(name, bytes, start, end, link.version)
  }

  #tellRoster(): void {
    const roster = new Map([...this.#up].map(([name, { peer }]) => [name, peer?.incarnation ?? 0]))
    const frame = rosterFrame(roster)
    for (const name of this.#up.keys()) this.send(name, frame)
  }

  /** Another node is linked to a different node of the same name, unless one of the two is just dying. */
  #compare(roster: Roster): void {
    for (const [name, incarnation] of roster) {
      const link = this.#up.get(name)
      if (link === undefined || link.peer?.incarnation === incarnation) continue
      const doubtedAtMs = performance.now()
      setTimeout(() => {
        if (this.#up.get(name) !== link || link.heardAtMs <= doubtedAtMs) return
        this.#admission.contest(name)
        link.end({ kind: 'lost', line: `two nodes have the name ${name}` })
      }, DOUBT_MS).unref()
    }
  }

  /** TLS failed: the other node is unknown. */
  #unsafe(error: Error & { code?: string }, socket: Socket): void {
    // Closed by this side to make room, or by the other before it began.
    if (error.code === 'ECONNRESET') return
    const where = socket.remoteAddress ?? 'a stranger'
    this.#counts.refusals++
    this.#trouble(where, `refused ${where}: no TLS with the same secret or authority (${error.code ?? error.message})`)
  }
}
