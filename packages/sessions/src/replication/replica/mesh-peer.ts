/** The parts of a peer put together: what arrives goes to the part that it concerns, and a new view to all of them. */
import type { SessionKey } from '../../contract.ts'
import { Ballots } from '../membership/ballots.ts'
import { Calls } from './calls.ts'
import { Changes } from './changes.ts'
import { Entries } from './entries.ts'
import { Fetching } from './fetching.ts'
import { Lease, quietFor } from '../membership/lease.ts'
import type { Beat, Echo, Held, Message, RecordMessage, View } from '../wire/messages.ts'
import { Neighbours } from '../membership/neighbours.ts'
import type { Done, Peer, PeerStatus } from './peer-surface.ts'
import { count } from '../wire/ranks.ts'
import { Repair } from './repair.ts'
import type { Site } from '../context/peer-context.ts'
import { isContinued, Standing } from '../membership/current-view.ts'
import { Verbs } from './verbs.ts'
import { Views } from '../membership/views.ts'

export class MeshPeer implements Peer {
  readonly #site: Site
  readonly #standing: Standing
  readonly #neighbours: Neighbours
  readonly #lease: Lease
  readonly #ballots: Ballots
  readonly #views: Views
  readonly #entries: Entries
  readonly #changes: Changes
  readonly #calls: Calls
  readonly #verbs: Verbs
  readonly #fetching: Fetching
  readonly #repair: Repair
  #beatAtMs = Number.NEGATIVE_INFINITY

  constructor(site: Site) {
    const isPromised = (): boolean => this.#ballots.isPromised
    this.#site = site
    const standing = new Standing(site)
    const neighbours = new Neighbours(site)
    const lease = new Lease(site, standing, neighbours)
    this.#ballots = new Ballots(site, standing, neighbours, {
      decided: (view, quietMs) => this.#onDecided(view, quietMs),
      quietMs: () => lease.quietMs(this.#now()),
      mayJoin: (present, base) => this.#views.mayJoin(present, base, this.#now()),
    })
    this.#views = new Views(site, standing, neighbours, lease, this.#ballots)
    const entries = new Entries(site.placement, site.clock.wallMs(), site.timing.keepMs)
    const changes = new Changes(site, { standing, neighbours, lease, entries, isPromised })
    const calls = new Calls(site, neighbours)
    this.#verbs = new Verbs(site, { standing, neighbours, lease, entries, changes, calls, isPromised })
    this.#fetching = new Fetching(site, { standing, neighbours, entries, changes })
    this.#repair = new Repair(site, { standing, entries, changes })
    this.#standing = standing
    this.#neighbours = neighbours
    this.#lease = lease
    this.#entries = entries
    this.#changes = changes
    this.#calls = calls
  }

  linked(name: string, incarnation: number): void {
    const rank = this.#rankOf(name)
    this.#neighbours.linked(rank, incarnation, this.#now())
    this.#site.post(rank, this.#beatMessage(this.#now()))
    this.#changes.linked(rank)
    this.#verbs.retry()
  }

  unlinked(name: string): void {
    const rank = this.#rankOf(name)
    this.#neighbours.unlinked(rank, this.#now())
    this.#calls.unlinked(rank)
  }

  receive(name: string, message: Message): void {
    if (this.#verbs.isClosed) return
    const rank = this.#rankOf(name)
    const neighbour = this.#neighbours.of(rank)
    if (neighbour.incarnation === 0) return
    const now = this.#now()
    neighbour.heardAtMs = now
    switch (message.type) {
      case 'beat':
        return this.#onBeat(rank, message, now)
      case 'echo':
        return this.#onEcho(rank, message)
      case 'decided':
        return this.#onDecided(message.view, message.quietMs)
      case 'prepare':
      case 'promise':
      case 'accept':
      case 'accepted':
        return this.#ballots.receive(rank, message)
      case 'call':
        return this.#onCall(rank, message)
      case 'reply':
        return this.#calls.replied(rank, message)
      case 'invalidate':
      case 'taken':
      case 'refused':
      case 'valid':
      case 'ask':
      case 'touched':
      case 'fetch':
      case 'page':
      case 'digests':
        // What concerns records is understood only within one mesh.
        if (this.#standing.cluster !== 0 && neighbour.cluster === this.#standing.cluster) this.#onRecords(rank, message)
    }
  }

  tick(): void {
    if (this.#verbs.isClosed) return
    const now = this.#now()
    this.#neighbours.tick(now)
    if (now - this.#beatAtMs >= this.#site.timing.beatMs) this.#beat(now)
    this.#views.tick(now)
    this.#changes.tick(now)
    this.#calls.tick(now)
    this.#verbs.tick(now)
    this.#fetching.tick(now)
    this.#repair.tick(now)
    this.#entries.sweepSome(this.#site.clock.wallMs(), (key) => this.#changes.isPending(key))
  }

  read(...[key, { atLeastVersion }, done]: Parameters<Peer['read']>): void {
    this.#verbs.carryOut({ verb: 'read', key, atLeastVersion }, false, done as Done<unknown>)
  }

  write(...[key, { expectedVersion, expiresAtMs, body, ack }, done]: Parameters<Peer['write']>): void {
    this.#verbs.carryOut({ verb: 'write', key, expectedVersion, expiresAtMs, body, ack }, false, done as Done<unknown>)
  }

  touch(...[key, expiresAtMs, done]: Parameters<Peer['touch']>): void {
    this.#verbs.carryOut({ verb: 'touch', key, expiresAtMs }, false, done as Done<unknown>)
  }

  destroy(...[key, { fenceUntilMs, ack }, done]: Parameters<Peer['destroy']>): void {
    this.#verbs.carryOut({ verb: 'destroy', key, fenceUntilMs, ack }, false, done as Done<unknown>)
  }

  status(): PeerStatus {
    const { role, view } = this.#standing
    const misses = this.#misses()
    return {
      serves: misses === undefined,
      misses,
      role,
      lease: this.#isLeased(),
      view,
      sessions: this.#entries.sessions,
      records: this.#entries.records,
      pending: this.#changes.pending,
      repaired: this.#repair.repaired,
    }
  }

  held(key: SessionKey): Held | undefined {
    const change = this.#entries.get(key)
    return change && { change, valid: !this.#changes.isPending(key) }
  }

  close(): void {
    this.#verbs.close()
    this.#changes.forget()
  }

  #now(): number {
    return this.#site.clock.monotonicMs()
  }

  #rankOf(name: string): number {
    const rank = this.#site.names.indexOf(name)
    if (rank < 0 || rank === this.#site.rank) throw new RangeError(`"${name}" is no other peer of this mesh`)
    return rank
  }

  #isLeased(): boolean {
    return this.#lease.isHeld(this.#ballots.isPromised, this.#now())
  }

  #misses(): string | undefined {
    const { names, placement, majority } = this.#site
    if (this.#verbs.isClosed) return 'it is closed'
    if (this.#standing.view === undefined) return `it waits for the others to found a mesh of ${names.length}`
    // It could ask others, but has no vote: were one more to die now, they would be too few.
    if (this.#standing.self === undefined) return 'the others have not taken it in yet'
    const isFull = this.#standing.role === 'full'
    const now = this.#now()
    if (isFull && !this.#isLeased()) {
      return count(this.#neighbours.heard(now)) < majority
        ? `it does not reach ${majority} of ${names.length} nodes`
        : `it reaches ${majority} of ${names.length} nodes, but too many have restarted: it takes all of them to go on`
    }
    for (let bucket = 0; bucket < placement.buckets; bucket++) {
      if (!this.#verbs.isHere(bucket) && this.#verbs.hostOf(bucket, now) === undefined) {
        return 'it reaches no node that has all sessions'
      }
    }
    return undefined
  }

  /** Only a listed process speaks for a view. */
  #beatMessage(now: number): Beat {
    const isListed = this.#standing.self !== undefined
    return {
      type: 'beat',
      cluster: isListed ? this.#standing.cluster : 0,
      view: isListed ? this.#standing.number : 0,
      atMs: now,
      hears: this.#neighbours.heard(now),
      ready: this.#standing.role === 'joining' && this.#fetching.isDone,
    }
  }

  #beat(now: number): void {
    this.#beatAtMs = now
    const message = this.#beatMessage(now)
    for (let rank = 0; rank < this.#site.names.length; rank++) {
      if (rank !== this.#site.rank && this.#neighbours.isLinked(rank)) this.#site.post(rank, message)
    }
  }

  #onBeat(rank: number, beat: Beat, now: number): void {
    this.#neighbours.beat(rank, beat, now)
    const { cluster, number, view } = this.#standing
    if (view === undefined) return
    if (beat.cluster === cluster && beat.view === number) {
      if (this.#ballots.isPromised) return
      this.#lease.gave(rank, now)
      this.#site.post(rank, { type: 'echo', cluster, view: number, atMs: beat.atMs })
      return
    }
    if (this.#standing.self === undefined) return
    if (beat.cluster !== cluster || beat.view < number) this.#site.post(rank, { type: 'decided', view })
  }

  #onEcho(rank: number, echo: Echo): void {
    const wasLeased = this.#isLeased()
    this.#lease.echoed(rank, echo)
    if (!wasLeased && this.#isLeased()) this.#verbs.retry()
  }

  #onCall(rank: number, call: Extract<Message, { type: 'call' }>): void {
    const reply = this.#calls.taken(rank, call)
    if (reply !== undefined) this.#verbs.carryOut(call.verb, true, reply)
  }

  #onRecords(rank: number, message: RecordMessage): void {
    switch (message.type) {
      case 'fetch':
        return this.#fetching.answer(rank, message)
      case 'page':
        return this.#onPage(rank, message)
      case 'digests':
        return this.#repair.compare(rank, message)
      case 'invalidate':
      case 'taken':
      case 'refused':
      case 'valid':
      case 'ask':
      case 'touched':
        return this.#changes.receive(rank, message)
    }
  }

  #onPage(rank: number, page: Extract<Message, { type: 'page' }>): void {
    const now = this.#now()
    if (!this.#fetching.receive(rank, page, now)) return this.#repair.receive(rank, page)
    if (this.#fetching.isDone) this.#beat(now)
  }

  #onDecided(view: View, quietMs?: readonly number[]): void {
    if (!this.#views.isNews(view)) return
    const former = this.#standing.view
    const self = this.#standing.self
    const now = this.#now()
    this.#standing.install(view)
    this.#lease.begin(quietFor(former, view, quietMs), now)
    this.#ballots.begin()
    const next = this.#standing.self
    const isJoining = next?.role === 'joining'
    const isKept = isContinued(former, self, view, next)
    if (isJoining && !isKept) this.#fetching.begin()
    if (isJoining) this.#fetching.installed()
    // Said before anything else in this view, so that what follows is understood.
    this.#beat(now)
    if (isKept) this.#changes.installed()
    else this.#changes.forget()
    if (former !== undefined && former.cluster !== view.cluster) this.#site.tell({ event: 'lost' })
    this.#site.tell({ event: 'view', view, names: this.#named(view) })
    this.#verbs.retry()
  }

  #named({ members }: View): Readonly<Record<string, string>> {
    return Object.fromEntries(members.map(({ rank, role }) => [this.#site.names[rank] as string, role]))
  }
}
