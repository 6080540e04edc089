/** The parts of a peer put together: hands each message to the part that it concerns, and a new view to all of them. */
import assert from 'node:assert'
import type { MembersStatus, SessionKey } from '../../contract.ts'
import { Ballots } from '../membership/ballots.ts'
import { Calls } from './calls.ts'
import { Changes } from './changes.ts'
import { ClockDoubt } from './clock-doubt.ts'
import { Entries } from './entries.ts'
import { Fetching } from './fetching.ts'
import { Lease } from '../membership/lease.ts'
import type { Heartbeat, Echo, HeldChange, Message, RecordMessage, Verb, View } from '../wire/messages.ts'
import type { LinkedPeer } from '../context/linked-peer.ts'
import { Neighbours } from '../membership/neighbours.ts'
import type { Done, Peer, PeerStatus } from './peer-surface.ts'
import { count, has, lowest } from '../wire/ranks.ts'
import { Repair } from './repair.ts'
import type { Agenda } from '../context/agenda.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { isNamed, votersOf } from '../membership/electorate.ts'
import { isContinued, CurrentView, setOf } from '../membership/current-view.ts'
import { Verbs } from './verbs.ts'
import { CLOSED, Views } from '../membership/views.ts'
import { Wakefulness } from '../membership/wakefulness.ts'

export class MeshPeer implements Peer {
  readonly #context: PeerContext
  readonly #currentView: CurrentView
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
  readonly #wakefulness: Wakefulness
  readonly #agenda: Agenda
  readonly #clockDoubt = new ClockDoubt()
  #heartbeatAtMs = Number.NEGATIVE_INFINITY

  constructor(context: PeerContext, agenda: Agenda) {
    const isPromised = (): boolean => this.#ballots.isPromised
    const driving = (): void => this.#wakefulness.use(this.#now())
    this.#context = context
    this.#agenda = agenda
    const currentView = new CurrentView(context)
    const neighbours = new Neighbours(context)
    const lease = new Lease(context, currentView, neighbours)
    this.#ballots = new Ballots(context, currentView, neighbours, {
      decided: (view, quietMs) => this.#onDecided(view, quietMs),
      quietMs: () => lease.msSinceEchoes(this.#now()),
      ended: () => setOf((currentView.view?.members ?? []).filter((member) => neighbours.hasEnded(member))),
      agreesOnPresent: (present, base) => this.#views.agreesOnPresent(present, base, this.#now()),
    })
    this.#views = new Views(context, currentView, neighbours, lease, this.#ballots)
    const entries = new Entries(context.placement, context.clock.wallMs(), context.timing.keepMs)
    const changes = new Changes(context, { currentView, neighbours, lease, entries, isPromised, driving })
    const calls = new Calls(context, neighbours)
    this.#verbs = new Verbs(context, { currentView, neighbours, lease, entries, changes, calls, isPromised })
    this.#fetching = new Fetching(context, { currentView, neighbours, entries, changes })
    this.#repair = new Repair(context, { currentView, entries, changes })
    this.#currentView = currentView
    this.#neighbours = neighbours
    this.#lease = lease
    this.#entries = entries
    this.#changes = changes
    this.#calls = calls
    this.#wakefulness = new Wakefulness(context, {
      isAtRest: (now) => this.#verbs.isIdle && changes.driven === 0 && this.#views.isSettled(now),
      woke: (now) => this.#woke(now),
      quiet: () => neighbours.rest(),
    })
  }

  get awakeSinceMs(): number {
    return this.#wakefulness.awakeSinceMs
  }

  linked(name: string, at: LinkedPeer): void {
    const rank = this.#rankOf(name)
    const now = this.#now()
    this.#neighbours.linked(rank, at, now)
    this.#wakefulness.use(now)
    this.#context.post(rank, this.#heartbeat(now))
    this.#repair.again(now)
    this.#changes.linked(rank)
    this.#verbs.retry()
  }

  unlinked(name: string): void {
    const rank = this.#rankOf(name)
    const now = this.#now()
    this.#neighbours.unlinked(rank, now)
    this.#wakefulness.use(now)
    this.#calls.unlinked(rank)
    const member = this.#currentView.member(rank)
    if (member !== undefined && this.#neighbours.hasEnded(member)) this.#goOn()
  }

  ended(name: string, incarnation: number): void {
    this.#neighbours.ended(this.#rankOf(name), incarnation)
    this.#wakefulness.use(this.#now())
    this.#goOn()
  }

  receive(name: string, message: Message): void {
    if (this.#verbs.isClosed) return
    const rank = this.#rankOf(name)
    const neighbour = this.#neighbours.of(rank)
    if (neighbour.incarnation === 0) return
    const now = this.#now()
    neighbour.heardAtMs = now
    switch (message.type) {
      case 'heartbeat':
        this.#onHeartbeat(rank, message, now)
        return this.#wakefulness.look(now)
      case 'echo':
        return this.#onEcho(rank, message)
      case 'decided':
        return this.#onDecided(message.view, message.quietMs)
      case 'prepare':
      case 'promise':
      case 'accept':
      case 'accepted':
        this.#ballots.receive(rank, message)
        return this.#wakefulness.look(now)
      case 'call':
        return this.#onCall(rank, message)
      case 'reply':
        return this.#calls.replied(rank, message)
      case 'invalidate':
      case 'ack':
      case 'nack':
      case 'validate':
      case 'query-commit':
      case 'touched':
      case 'fetch':
      case 'page':
      case 'digests':
        // Messages about records mean something within one cluster only.
        if (this.#currentView.cluster !== 0 && neighbour.cluster === this.#currentView.cluster)
          this.#onRecords(rank, message, now)
    }
  }

  tick(): void {
    if (this.#verbs.isClosed) return
    this.#agenda.tick(() => {
      const now = this.#now()
      this.#wakefulness.look(now)
      this.#wakefulness.tick(now)
      if (this.#wakefulness.isAwake) this.#keepUp(now)
      this.#changes.tick(now)
      this.#calls.tick(now)
      this.#verbs.tick(now)
      this.#fetching.tick(now)
      this.#repair.tick(now)
      this.#sweep(now)
    })
  }

  read(...[key, done]: Parameters<Peer['read']>): void {
    this.#carryOut({ verb: 'read', key }, false, done as Done<unknown>)
  }

  write(...[key, { expectedVersion, expiresAtMs, body, ack }, done]: Parameters<Peer['write']>): void {
    this.#carryOut({ verb: 'write', key, expectedVersion, expiresAtMs, body, ack }, false, done as Done<unknown>)
  }

  touch(...[key, expiresAtMs, done]: Parameters<Peer['touch']>): void {
    this.#carryOut({ verb: 'touch', key, expiresAtMs }, false, done as Done<unknown>)
  }

  destroy(...[key, { fenceUntilMs, ack }, done]: Parameters<Peer['destroy']>): void {
    this.#carryOut({ verb: 'destroy', key, fenceUntilMs, ack }, false, done as Done<unknown>)
  }

  #carryOut(verb: Verb, isCalled: boolean, done: Done<unknown>): void {
    if (!this.#verbs.isClosed) this.#wakefulness.use(this.#now())
    this.#verbs.carryOut(verb, isCalled, done)
  }

  changeMembers(...[wish, done]: Parameters<Peer['changeMembers']>): void {
    const { isResizable, names } = this.#context
    const rank = names.indexOf(wish.name)
    if (this.#verbs.isClosed) return done(CLOSED)
    if (!isResizable) return done('the names of this mesh are fixed')
    if (rank < 0) return done(`${wish.name} is none of ${names.join(', ')}`)
    if (this.#currentView.role !== 'full') return done('this node is no full member: ask another')
    const { change } = wish
    this.#views.change(change === 'add' ? { change, rank } : { change, rank, isGone: wish.isGone }, done)
    this.#wakefulness.use(this.#now())
    this.#views.tick(this.#now())
  }

  status(): PeerStatus {
    const { role, view } = this.#currentView
    const misses = this.#misses()
    return {
      serves: misses === undefined,
      misses,
      role,
      lease: this.#isLeased(),
      quiet: !this.#wakefulness.isAwake,
      view,
      members: this.#members(),
      sessions: this.#entries.sessions,
      records: this.#entries.records,
      pending: this.#changes.pending,
      repaired: this.#repair.repaired,
    }
  }

  held(key: SessionKey): HeldChange | undefined {
    const change = this.#entries.get(key)
    return change && { change, isCommitted: !this.#changes.isPending(key) }
  }

  close(): void {
    this.#verbs.close()
    this.#views.close()
    this.#changes.forget()
  }

  #now(): number {
    return this.#context.clock.monotonicMs()
  }

  #rankOf(name: string): number {
    const rank = this.#context.names.indexOf(name)
    if (rank < 0 || rank === this.#context.rank) throw new RangeError(`"${name}" is no other peer of this mesh`)
    return rank
  }

  /** A process has ended: proposes the next view, and commits what waited for its lease, before the next tick. */
  #goOn(): void {
    if (this.#verbs.isClosed) return
    this.#views.tick(this.#now())
    this.#changes.tick(this.#now())
  }

  #isLeased(): boolean {
    return this.#lease.isHeld(this.#ballots.isPromised, this.#now())
  }

  #misses(): string | undefined {
    const { placement, rank } = this.#context
    const { electorate, majority } = this.#currentView
    const names = count(electorate.counted)
    if (this.#verbs.isClosed) return 'it is closed'
    if (this.#currentView.view === undefined) return `it waits for the others to found a mesh of ${names}`
    if (!isNamed(electorate, rank)) return 'it is no member of the mesh, and may be added'
    // It could call others, but has no vote: one more death could end the majority.
    if (this.#currentView.self === undefined) return 'the others have not taken it in yet'
    const isFull = this.#currentView.role === 'full'
    const now = this.#now()
    if (isFull && !this.#isLeased() && !this.#mayTakeLease(now)) {
      return count(this.#neighbours.heard(now) & electorate.counted) < majority
        ? `it does not reach ${majority} of ${names} nodes`
        : `it reaches ${majority} of ${names} nodes, but too many have restarted: it takes all of them to go on`
    }
    const reach = this.#verbs.reach(now)
    for (let bucket = 0; bucket < placement.buckets; bucket++) {
      if ((placement.replicas(bucket) & reach) === 0) return 'it reaches no node that has all sessions'
    }
    return undefined
  }

  /** It has not asked for the lease yet, or just now, and a majority is there to give it. */
  #mayTakeLease(now: number): boolean {
    const { view, majority } = this.#currentView
    const isNew = now - this.#wakefulness.awakeSinceMs < this.#context.timing.leaseMs
    const voters = view === undefined ? [] : votersOf(this.#context, view)
    return isNew && !this.#ballots.isPromised && this.#neighbours.voters(voters) >= majority
  }

  #woke(now: number): void {
    this.#neighbours.listen(now)
    this.#lease.seek(now)
    this.#sendHeartbeats(now)
    this.#context.due(now + this.#context.timing.heartbeatMs)
  }

  /** Of an awake peer: hold the lease, hear the others, and propose a view where that fails. */
  #keepUp(now: number): void {
    const { heartbeatMs } = this.#context.timing
    this.#neighbours.tick(now)
    if (now - this.#heartbeatAtMs >= heartbeatMs) this.#sendDueHeartbeats(now)
    this.#context.due(this.#heartbeatAtMs + heartbeatMs)
    this.#views.tick(now)
  }

  #sweep(now: number): void {
    const wallMs = this.#context.clock.wallMs()
    const doubtedUntilMs = this.#clockDoubt.look(wallMs, now)
    if (doubtedUntilMs !== undefined) return this.#context.due(doubtedUntilMs)
    const dueAtMs = this.#entries.sweep(wallMs, (key) => this.#changes.isPending(key))
    this.#context.due(now + dueAtMs - wallMs)
  }

  /** A process that the view does not list names no view. */
  #heartbeat(now: number): Heartbeat {
    const isListed = this.#currentView.self !== undefined
    return {
      type: 'heartbeat',
      cluster: isListed ? this.#currentView.cluster : 0,
      view: isListed ? this.#currentView.number : 0,
      atMs: now,
      hears: this.#neighbours.heard(now),
      ready: this.#currentView.role === 'joining' && this.#fetching.isDone,
    }
  }

  /** To all that have a link, or to those of them for which it `isDue`. */
  #sendHeartbeats(now: number, isDue: (rank: number) => boolean = () => true): void {
    this.#heartbeatAtMs = now
    const message = this.#heartbeat(now)
    for (let rank = 0; rank < this.#context.names.length; rank++) {
      if (rank !== this.#context.rank && this.#neighbours.isLinked(rank) && isDue(rank))
        this.#context.post(rank, message)
    }
  }

  /** Where nothing is open, a heartbeat renews the lease and asks for a sign of life; an acknowledged change does, too. */
  #sendDueHeartbeats(now: number): void {
    const renewedBeforeMs = now - this.#context.timing.heartbeatMs
    if (this.#views.isSettled(now))
      this.#sendHeartbeats(now, (rank) => this.#lease.renewedAtMs(rank) <= renewedBeforeMs)
    else this.#sendHeartbeats(now)
  }

  #onHeartbeat(rank: number, heartbeat: Heartbeat, now: number): void {
    this.#neighbours.heartbeat(rank, heartbeat, now)
    const { cluster, number, view } = this.#currentView
    if (view === undefined) return
    if (heartbeat.cluster === cluster && heartbeat.view === number) {
      if (!this.#ballots.isPromised) this.#echo(rank, heartbeat, now)
      return
    }
    if (this.#currentView.self === undefined) return
    if (heartbeat.cluster !== cluster || heartbeat.view < number) this.#context.post(rank, { type: 'decided', view })
  }

  #echo(rank: number, { cluster, view, atMs }: Heartbeat, now: number): void {
    assert(!this.#ballots.isPromised, 'a peer that has promised itself to a later view sends no echo')
    this.#lease.sentEcho(rank, now)
    this.#context.post(rank, { type: 'echo', cluster, view, atMs })
  }

  #onEcho(rank: number, echo: Echo): void {
    const wasLeased = this.#isLeased()
    this.#neighbours.echoed(rank)
    this.#lease.echoed(rank, echo)
    if (!wasLeased && this.#isLeased()) this.#verbs.retry()
  }

  #onCall(rank: number, call: Extract<Message, { type: 'call' }>): void {
    const reply = this.#calls.accept(rank, call)
    if (reply !== undefined) this.#carryOut(call.verb, true, reply)
  }

  #onRecords(rank: number, message: RecordMessage, now: number): void {
    this.#context.due(now + this.#context.timing.repairMs)
    switch (message.type) {
      case 'fetch':
        return this.#fetching.answer(rank, message)
      case 'page':
        return this.#onPage(rank, message)
      case 'digests':
        return this.#repair.compare(rank, message)
      case 'invalidate':
      case 'ack':
      case 'nack':
      case 'validate':
      case 'query-commit':
      case 'touched':
        return this.#changes.receive(rank, message)
    }
  }

  #onPage(rank: number, page: Extract<Message, { type: 'page' }>): void {
    const now = this.#now()
    if (!this.#fetching.receive(rank, page, now)) return this.#repair.receive(rank, page)
    if (this.#fetching.isDone) this.#sendHeartbeats(now)
  }

  #onDecided(view: View, quietMs: readonly number[] = []): void {
    if (!this.#views.supersedes(view)) return
    const former = this.#currentView.view
    const self = this.#currentView.self
    const now = this.#now()
    this.#currentView.install(view)
    this.#lease.begin(former, view, quietMs, now)
    this.#ballots.begin()
    const next = this.#currentView.self
    const isJoining = next?.role === 'joining'
    const isKept = isContinued(former, self, view, next)
    if (!isKept) this.#fetching.end()
    if (isJoining && !isKept) this.#fetching.begin()
    if (isJoining) this.#fetching.installed()
    assert(next?.role !== 'full' || !isKept || this.#fetching.isDone, 'a full member has nothing left to fetch')
    this.#wakefulness.use(now)
    // Before any other message of this view: heartbeats say which cluster the rest belongs to.
    this.#sendHeartbeats(now)
    this.#repair.again(now)
    if (isKept) this.#changes.installed()
    else this.#changes.forget()
    if (former !== undefined && former.cluster !== view.cluster) this.#context.emit({ event: 'lost' })
    this.#context.emit({ event: 'view', view, names: this.#named(view) })
    this.#verbs.retry()
  }

  #members(): MembersStatus | undefined {
    const { isResizable, names, rank: own } = this.#context
    if (!isResizable) return undefined
    const { electorate } = this.#currentView
    const [adding, removing] = [electorate.adding, electorate.removing].map((set) => names[lowest(set)])
    return {
      counted: names.filter((_, rank) => has(electorate.counted, rank)),
      adding,
      removing,
      spare: names.filter((_, rank) => !isNamed(electorate, rank)),
      apart: names.filter((_, rank) => rank !== own && !this.#neighbours.isLinked(rank)),
    }
  }

  #named({ members }: View): Readonly<Record<string, string>> {
    return Object.fromEntries(members.map(({ rank, role }) => [this.#context.names[rank] as string, role]))
  }
}
