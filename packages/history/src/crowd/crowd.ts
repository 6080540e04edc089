/**
 * Follows every user through a run: the node that served it last, whether it is logged in, and its fate in each incident. The judge
 * decides what a logout or a loss is, so these figures are the report's. Memory depends on the number of users.
 */
import type { AnomalyKind, Finding } from '../checkers/checker.ts'
import { Judge } from '../judge.ts'
import type { Observation } from '../ledger/visit.ts'
import { type ClusterState, type Decision, findNode, initialState } from '../state.ts'
import { StorePrimary } from '../store-primary.ts'
import { LOGGED_OUT, type TraceEvent } from '../trace/events.ts'
import {
  type Beat,
  codeOf,
  type CrowdView,
  type FoundAnomaly,
  isOwnRequest,
  type Met,
  OP_FIELDS,
  OUTCOMES,
  type ShownOperation,
  type Standing,
  STANDINGS,
} from './beat.ts'
import { Account, type Fate, type Incident, type IncidentCause, SLOW_MS } from './incident.ts'

const OPS_PER_BEAT_MAX = 4_000
const INCIDENTS_MAX = 100
const ANOMALIES_MAX = 100
const ANOMALIES_PER_BEAT_MAX = 20
/** Operations that are remembered, to show those of an anomaly. */
const REMEMBERED_MAX = 20_000

/** Operations are reported so much later than they ended, as a rule and on a busy machine. */
const REPORT_MS = 200
const REPORT_MAX_MS = 5_000
/** A node that is passed over again within so long is the same incident. */
const PASSED_OVER_AGAIN_MS = 10_000
/** The users may report what a death or a pause did to them so much earlier than the lab sees it. */
const SEEN_AFTER_MS = 1_000

/** Faults that have an event of their own on a node. */
const ofNodes: ReadonlySet<string> = new Set(['kill', 'crash', 'drain', 'pause'])

export class Crowd {
  readonly #judge = new Judge(undefined, {
    observed: (seen) => this.#observed(seen),
    found: (kind, finding) => this.#noteAnomaly(kind, finding),
  })
  #nodes: readonly string[] = []
  readonly #primary = new StorePrimary()
  #served: number[] = []
  #standings: number[] = []
  readonly #accounts: Account[] = []
  /** The last answer that showed each user's session. */
  #homes: (Home | undefined)[] = []
  #before: ClusterState = initialState
  /** Each user's last incident. */
  #accountOf: (Account | undefined)[] = []
  #anomalies: FoundAnomaly[] = []
  #found: Partial<Record<AnomalyKind, number>> = {}
  readonly #remembered = new Map<number, ShownOperation>()
  #nextId = 1
  #atMs = 0
  readonly #injectedAtMs = new Map<string, number>()

  #ops: number[] = []
  #skipped = 0
  readonly #changedUsers = new Set<number>()
  readonly #changedAccounts = new Set<Account>()
  #newAnomalies: FoundAnomaly[] = []
  #hasFound = false
  /** As the last beat had it. */
  #met: Met = {}

  /** `before`: the state before the event. */
  take(event: TraceEvent, before: ClusterState): void {
    this.#atMs = event.atMs
    this.#before = before
    if (event.type === 'run-started') this.#nodes = event.nodes.map(({ name }) => name)
    this.#incidentOf(event, before)
    this.#judge.take(event)
  }

  /** No event follows: finds what only the end of a visit shows, such as a session that was lost. */
  finish(): void {
    this.#judge.verdict()
  }

  get view(): CrowdView {
    return {
      atMs: this.#atMs,
      nodes: this.#nodes,
      served: [...this.#served],
      standings: [...this.#standings],
      incidents: this.#accounts.map(({ incident }) => incident),
      anomalies: [...this.#anomalies],
      found: { ...this.#found },
      met: this.#interleavings(),
    }
  }

  /** What changed since the last call. */
  beat(atMs: number): Beat {
    const ops = this.#ops
    const met = this.#interleavings()
    const hasMet = Object.values(met).join() !== Object.values(this.#met).join()
    this.#met = met
    // The ends become times before the beat, which are short numbers.
    for (let at = 3; at < ops.length; at += OP_FIELDS) ops[at] = Math.max(0, Math.round(atMs - (ops[at] ?? 0)))
    const beat: Beat = {
      atMs: Math.round(atMs),
      ops,
      skipped: this.#skipped,
      standings: [...this.#changedUsers].flatMap((user) => [user, this.#standings[user] ?? 0]),
      incidents: [...this.#changedAccounts].map(({ incident }) => incident),
      anomalies: this.#newAnomalies,
      ...(this.#hasFound ? { found: { ...this.#found } } : {}),
      ...(hasMet ? { met } : {}),
    }
    this.#ops = []
    this.#skipped = 0
    this.#changedUsers.clear()
    this.#changedAccounts.clear()
    this.#newAnomalies = []
    this.#hasFound = false
    return beat
  }

  #interleavings(): Met {
    return Object.fromEntries(this.#judge.interleavings.map(({ name, times }) => [name, times]))
  }

  #observed({ done, visit, isOwn, isRefused }: Observation): void {
    const { sent, ended } = done
    const { kind, dueAtMs } = sent
    if (kind === 'copy' || kind === 'linger') return
    const user = userNumber(sent.user)
    if (user === undefined) return
    this.#remember({ ...pick(sent), ...pickEnd(ended) })
    const node = ended.node === undefined ? -1 : this.#nodes.indexOf(ended.node)
    const waitedMs = ended.endedAtMs - dueAtMs
    const isOut = isRefused || (ended.outcome === 'failed' && ended.why === LOGGED_OUT)
    const code = codeOf(kind, isOut ? OUT : OUTCOMES.indexOf(ended.outcome))
    this.#addOp(user, node, code, ended.endedAtMs, waitedMs)
    this.#meet(user)
    if (!isOwnRequest(code)) return
    if (node >= 0) this.#served[user] = node
    const isLogin = kind === 'login' && ended.outcome === 'ok'
    const isIn = isLogin || (isOwn && visit.refusal === undefined && visit.login !== undefined)
    if (isRefused && visit.refusal !== undefined) {
      if (this.#standings[user] === IS_IN) this.#passOver(user, node)
      this.#stand(user, 'out')
    } else if (isIn) this.#stand(user, 'in')
    else if (kind === 'logout') this.#stand(user, 'away')
    // A count needs no login, so its answer shows nothing about one.
    if (isIn && node >= 0 && kind !== 'count') this.#homes[user] = { node, atMs: ended.endedAtMs }

    this.#joinLate(user, node, ended.endedAtMs)
    const account = this.#accountOf[user]
    if (account === undefined || ended.endedAtMs < account.sinceMs) return
    const items = isOwn ? visit.open.filter(({ gap }) => gap !== undefined && gap.shownAgainBy === undefined).length : 0
    if (isLogin) account.isSettled(user)
    // A 401 that was to be expected.
    else if (isOut && !isRefused) return
    if (kind === 'count' && ended.outcome === 'ok') return
    const fate = this.#fateOf(isRefused, ended.outcome !== 'ok', items, waitedMs)
    const met = { visit: visit.number, items, atMs: ended.endedAtMs }
    if (account.note(user, fate, met)) this.#changedAccounts.add(account)
  }

  /** The last operations before an incident are reported after it. */
  #joinLate(user: number, node: number, endedAtMs: number): void {
    const account = this.#accounts.findLast(({ facts }) => facts.cause !== 'passed-over')
    if (account === undefined || account === this.#accountOf[user] || this.#standings[user] !== IS_IN) return
    if (this.#atMs - account.facts.atMs > REPORT_MAX_MS || endedAtMs > account.facts.atMs) return
    if (account.nodes?.includes(node) === false) return
    account.join(user)
    this.#accountOf[user] = account
    this.#changedAccounts.add(account)
  }

  /**
   * A user was refused by another node than the one that has the session. If the latter runs, and has not died since it showed the session, no
   * death logged the user out.
   */
  #passOver(user: number, refusedBy: number): void {
    const { strategy, store, nodes } = this.#before
    const isInOneNode = strategy.routing === 'affinity' && store.startsWith('memory:')
    const home = this.#homes[user]
    if (!isInOneNode || home === undefined || refusedBy < 0 || refusedBy === home.node) return
    const target = this.#nodes[home.node] ?? ''
    const { state, downAtMs = 0, decision } = findNode({ nodes }, target) ?? {}
    if (state !== 'up' || downAtMs > home.atMs) return
    const known = this.#accountOf[user]
    // What was done to that node without killing it is the cause.
    if (known?.nodes?.includes(home.node) === true && !DEATHS.has(known.facts.cause)) return
    const account =
      this.#passedOver(target, PASSED_OVER_AGAIN_MS) ??
      this.#open({ cause: 'passed-over', target, ...reasonOf(decision) }, [])
    account.join(user)
    this.#accountOf[user] = account
    this.#changedAccounts.add(account)
  }

  #passedOver(node: string, withinMs: number): Account | undefined {
    return this.#accounts.findLast(
      ({ facts: { cause, target, atMs } }) =>
        cause === 'passed-over' && target === node && this.#atMs - atMs < withinMs,
    )
  }

  #fateOf(isRefused: boolean, isBad: boolean, items: number, waitedMs: number): Fate {
    if (isRefused) return 'out'
    if (items > 0) return 'lost'
    if (isBad) return 'failed'
    return waitedMs > SLOW_MS ? 'slow' : 'unnoticed'
  }

  #addOp(user: number, node: number, code: number, endedAtMs: number, waitedMs: number): void {
    if (this.#ops.length < OPS_PER_BEAT_MAX * OP_FIELDS) this.#ops.push(user, node, code, endedAtMs, round(waitedMs))
    else this.#skipped++
  }

  /** A user that acts for the first time. */
  #meet(user: number): void {
    while (this.#served.length <= user) {
      this.#served.push(-1)
      this.#standings.push(0)
    }
  }

  #stand(user: number, standing: Standing): void {
    const index = STANDINGS.indexOf(standing)
    if (this.#standings[user] === index) return
    this.#standings[user] = index
    this.#changedUsers.add(user)
  }

  #incidentOf(event: TraceEvent, before: ClusterState): void {
    const ofStore = this.#primary.take(event)
    if (before.phase !== 'ready') return
    if (event.type === 'fault-injected') this.#injectedAtMs.set(event.target, event.atMs)
    else if (event.type === 'node-down') {
      const { state } = findNode(before, event.node) ?? {}
      if (state === 'draining' && event.code === 0) return
      const kind = kindOf(event.node, before)
      this.#open({ cause: kind === 'kill' ? 'killed' : 'died', target: event.node, ...withKind(kind) }, [event.node])
    } else if (event.type === 'node-draining')
      this.#open({ cause: 'drained', target: event.node, kind: 'drain' }, [event.node])
    else if (event.type === 'node-paused')
      this.#open({ cause: 'paused', target: event.node, kind: 'pause' }, [event.node])
    else if (event.type === 'process-down' && event.process === 'balancer')
      this.#open({ cause: 'balancer-down', target: 'balancer' })
    else if (ofStore.includes('down'))
      this.#open({ cause: 'store-down', target: 'store', ...withKind(kindOf('store', before)) })
    else if (event.type === 'fault-confirmed') {
      const fault = before.faults.find(({ id }) => id === event.fault)
      if (fault === undefined) return
      const { kind, target } = fault
      const isTold = target === 'store' ? kind === 'kill' || kind === 'failover' : ofNodes.has(kind)
      if (!isTold) this.#open({ cause: 'fault', target, kind }, nodesIn(target, this.#nodes))
    }
  }

  /** Without nodes it falls on all users. */
  #open(about: Omit<Account['facts'], 'id' | 'atMs'>, nodes?: readonly string[]): Account {
    const on = nodes?.map((name) => this.#nodes.indexOf(name))
    const { kind, target } = about
    // A crash waits for its request.
    const injectedAtMs = kind === undefined || kind === 'crash' ? undefined : this.#injectedAtMs.get(target)
    const early = about.cause === 'passed-over' ? undefined : this.#passedOver(target, SEEN_AFTER_MS)
    const facts = { id: early?.facts.id ?? this.#nextId++, atMs: this.#atMs, ...about }
    early?.turnsOut(facts, on)
    const account = early ?? new Account(facts, injectedAtMs ?? this.#atMs - REPORT_MS, on)
    for (const [user, standing] of this.#standings.entries()) {
      if (standing !== IS_IN || on?.includes(this.#served[user] ?? -1) === false) continue
      account.join(user)
      this.#accountOf[user] = account
    }
    if (early === undefined) this.#accounts.push(account)
    if (this.#accounts.length > INCIDENTS_MAX) this.#accounts.shift()
    this.#changedAccounts.add(account)
    return account
  }

  #noteAnomaly(kind: AnomalyKind, { user, text, ops }: Finding): void {
    this.#found[kind] = (this.#found[kind] ?? 0) + 1
    this.#hasFound = true
    if (this.#newAnomalies.length >= ANOMALIES_PER_BEAT_MAX) return
    const shown = ops.flatMap((op) => this.#remembered.get(op) ?? [])
    const anomaly = { id: this.#nextId++, kind, atMs: this.#atMs, user, text, ops: shown }
    this.#newAnomalies.push(anomaly)
    this.#anomalies = [...this.#anomalies, anomaly].slice(-ANOMALIES_MAX)
  }

  #remember(operation: ShownOperation): void {
    this.#remembered.set(operation.op, operation)
    if (this.#remembered.size <= REMEMBERED_MAX) return
    const { value } = this.#remembered.keys().next()
    if (value !== undefined) this.#remembered.delete(value)
  }
}

interface Home {
  readonly node: number
  readonly atMs: number
}

const DEATHS: ReadonlySet<IncidentCause> = new Set(['killed', 'died'])

function withKind(kind: string | undefined): Pick<Incident, 'kind'> {
  return kind === undefined ? {} : { kind }
}

function reasonOf(decision: Decision | undefined): Pick<Incident, 'reason'> {
  return decision?.what === 'ejected' && decision.reason !== undefined ? { reason: decision.reason } : {}
}

const OUT = OUTCOMES.indexOf('logged-out')
const IS_IN = STANDINGS.indexOf('in')

/** The kind of the fault on that target that has not landed yet or stands. */
function kindOf(target: string, { faults }: ClusterState): string | undefined {
  return faults.findLast((fault) => fault.target.split(',').includes(target))?.kind
}

/** Undefined if it falls on no node in particular. */
function nodesIn(target: string, nodes: readonly string[]): readonly string[] | undefined {
  const named = target.split(/[,>]/).filter((part) => nodes.includes(part))
  return named.length === 0 ? undefined : named
}

function userNumber(name: string): number | undefined {
  const [, digits] = /^user-(\d{1,6})$/.exec(name) ?? []
  return digits === undefined ? undefined : Number(digits)
}

function pick({ op, user, tab, kind, sku, sentAtMs }: Observation['done']['sent']) {
  return { op, user, tab, kind, sentAtMs, ...(sku === undefined ? {} : { sku }) }
}

function pickEnd({ endedAtMs, outcome, why, node }: Observation['done']['ended']) {
  return { endedAtMs, outcome, ...(why === undefined ? {} : { why }), ...(node === undefined ? {} : { node }) }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

/** The incidents after a beat, the oldest first. */
export function withIncidents(before: readonly Incident[], changed: readonly Incident[]): readonly Incident[] {
  if (changed.length === 0) return before
  const byId = new Map([...before, ...changed].map((incident) => [incident.id, incident]))
  return [...byId.values()].slice(-INCIDENTS_MAX)
}
