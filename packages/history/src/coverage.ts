/**
 * Whether a run could have shown a loss: whether faults landed, sessions and users were exposed to each, and enough of them
 * looked afterwards. Lateness does not count here, see latency.ts.
 */
import { putsOf } from './ledger/settled.ts'
import type { Done, Visit, Write } from './ledger/visit.ts'
import { count } from './trace/counts.ts'
import type { FaultInjected, OperationKind, OperationSent, TraceEvent } from './trace/events.ts'

/** What one fault that landed could have affected. */
export interface Exposure {
  readonly fault: string
  readonly kind: string
  readonly target: string
  /** Sessions that were open when it landed, and how many of them were looked at afterwards. */
  readonly sessions: number
  readonly returned: number
  /** Writes in these sessions that had been acknowledged by then. */
  readonly writes: number
  /** Users with an operation that was due or in flight within AROUND_MS of its landing. */
  readonly users: number
  /** Operations in flight at that instant. */
  readonly inFlight: number
}

interface Fault {
  readonly id: string
  readonly kind: string
  readonly target: string
  /** Its name in a doubt. */
  readonly name: string
  confirmedAtMs: number | undefined
  /** Why it never landed. */
  missed: string
  sessions: number
  returned: number
  /** Writes in these sessions that had been sent by then, and those of them that had been acknowledged. */
  writesSent: number
  writes: number
  users: number
  inFlight: number
  /** The names of these users; emptied when no more reports of that time can come. */
  around: Set<string>
}

type Landed = Fault & { confirmedAtMs: number }

const AROUND_MS = 1_000
/** How long after a fault operations around it may still be reported. */
const REPORTED_WITHIN_MS = 10_000
/** So many users are always enough; otherwise half of the exposed sessions. */
const USERS_ENOUGH = 10
const USERS_SHARE_MIN = 0.5
const RETURNED_SHARE_MIN = 0.5
const LOOKED_SHARE_MIN = 0.5
/** Where all operations of one of these kinds fail, nothing that the users could lose came to be. */
const ESSENTIAL: readonly OperationKind[] = ['login', 'put', 'count', 'hello', 'move']

export class Coverage {
  readonly #faults = new Map<string, Fault>()
  /** The faults that landed lately. */
  #recent: Landed[] = []
  /** By user. */
  readonly #lastSentAtMs = new Map<string, number>()
  /** By kind. */
  readonly #sentOf = new Map<OperationKind, number>()
  readonly #succeeded = new Set<OperationKind>()
  #acknowledged = 0
  #looked = 0

  take(event: TraceEvent): void {
    if (event.type === 'operation-sent') this.#sent(event)
    if (event.type === 'fault-injected') this.#faults.set(event.fault, faultOf(event))
    if (event.type === 'fault-confirmed') this.#landed(event.fault, event.atMs)
    if (event.type === 'fault-failed') this.#miss(event.fault, `did not land: ${event.reason}`)
    if (event.type === 'fault-healed') this.#miss(event.fault, 'was taken back before it landed')
  }

  /** An operation in flight at a fault's landing is reported as ended after it. */
  ended({ sent, ended }: Done): void {
    if (ended.outcome === 'ok') this.#succeeded.add(sent.kind)
    for (const fault of this.#recent) {
      if (sent.sentAtMs > fault.confirmedAtMs || ended.endedAtMs < fault.confirmedAtMs) continue
      fault.inFlight++
      addUser(fault, sent.user)
    }
  }

  over(visit: Visit): void {
    const puts = putsOf(visit)
    const acknowledged = puts.filter(({ outcome }) => outcome === 'ok')
    this.#acknowledged += acknowledged.length
    this.#looked += acknowledged.filter(({ looked }) => looked).length
    const writes: readonly Write[] = [...puts, ...(visit.floor?.moves ?? [])]
    const { login, refusal, leavingAtMs, lookedAtMs } = visit
    if (login === undefined) return
    const openUntilMs = Math.min(leavingAtMs, refusal?.endedAtMs ?? Number.POSITIVE_INFINITY)
    for (const fault of this.#faults.values()) {
      const { confirmedAtMs } = fault
      if (confirmedAtMs === undefined || confirmedAtMs < login.endedAtMs || confirmedAtMs > openUntilMs) continue
      fault.sessions++
      fault.writesSent += writes.filter(({ sentAtMs }) => sentAtMs <= confirmedAtMs).length
      fault.writes += writes.filter(({ outcome, endedAtMs }) => outcome === 'ok' && endedAtMs <= confirmedAtMs).length
      if (lookedAtMs > confirmedAtMs) fault.returned++
    }
  }

  get faults(): { readonly landed: number; readonly missed: number } {
    const landed = this.exposures.length
    return { landed, missed: this.#faults.size - landed }
  }

  /** The exposure of each fault that landed, in the order of injection. */
  get exposures(): readonly Exposure[] {
    return [...this.#faults.values()].filter(hasLanded).map((fault) => {
      const { id, kind, target, sessions, returned, writes, users, inFlight } = fault
      return { fault: id, kind, target, sessions, returned, writes, users, inFlight }
    })
  }

  /** Why the absence of anomalies proves nothing; empty if the run could have shown them. */
  doubts(): string[] {
    const doubts = [...this.#faults.values()].flatMap((fault) => doubtOf(fault) ?? [])
    if (this.#sentOf.size === 0) doubts.push('there was not one operation')
    for (const kind of ESSENTIAL) {
      const sent = this.#sentOf.get(kind) ?? 0
      if (sent > 0 && !this.#succeeded.has(kind)) doubts.push(`of ${count(sent, kind)}, not one succeeded`)
    }
    if (this.#looked < this.#acknowledged * LOOKED_SHARE_MIN) {
      doubts.push(
        `of ${count(this.#acknowledged, 'acknowledged write')}, only ${this.#looked} were looked for afterwards`,
      )
    }
    return doubts
  }

  #sent({ user, kind, dueAtMs, sentAtMs }: OperationSent): void {
    this.#sentOf.set(kind, (this.#sentOf.get(kind) ?? 0) + 1)
    this.#lastSentAtMs.set(user, sentAtMs)
    for (const fault of this.#recent) if (dueAtMs <= fault.confirmedAtMs + AROUND_MS) addUser(fault, user)
  }

  #landed(id: string, atMs: number): void {
    const fault = this.#faults.get(id)
    if (fault === undefined || hasLanded(fault)) return
    const landed = Object.assign(fault, { confirmedAtMs: atMs })
    for (const [user, sentAtMs] of this.#lastSentAtMs) if (sentAtMs >= atMs - AROUND_MS) addUser(landed, user)
    const isRecent = ({ confirmedAtMs }: Landed): boolean => confirmedAtMs >= atMs - REPORTED_WITHIN_MS
    for (const old of this.#recent) if (!isRecent(old)) old.around = new Set()
    this.#recent = [...this.#recent.filter(isRecent), landed]
  }

  #miss(id: string, missed: string): void {
    const fault = this.#faults.get(id)
    if (fault !== undefined) fault.missed = missed
  }
}

function faultOf(event: FaultInjected): Fault {
  const { fault: id, kind, target, point } = event
  return {
    id,
    kind,
    target,
    name: `fault ${id} (${kind}${point === undefined ? '' : ` ${point}`} of ${target})`,
    confirmedAtMs: undefined,
    missed: 'was never seen to land',
    sessions: 0,
    returned: 0,
    writesSent: 0,
    writes: 0,
    users: 0,
    inFlight: 0,
    around: new Set(),
  }
}

function hasLanded(fault: Fault): fault is Landed {
  return fault.confirmedAtMs !== undefined
}

function addUser(fault: Fault, user: string): void {
  if (fault.around.has(user)) return
  fault.around.add(user)
  fault.users++
}

function doubtOf(fault: Fault): string | undefined {
  const { name, missed, sessions, returned, writesSent, writes, users } = fault
  if (!hasLanded(fault)) return `${name} ${missed}`
  if (sessions === 0) return `no session was exposed to ${name}`
  const enough = Math.min(USERS_ENOUGH, Math.ceil(sessions * USERS_SHARE_MIN))
  if (users < enough) {
    const seconds = AROUND_MS / 1_000
    return `only ${count(users, 'user')} had an operation due or under way within ${seconds} s of ${name}, where ${enough} ${enough === 1 ? 'is' : 'are'} the least`
  }
  if (returned < sessions * RETURNED_SHARE_MIN)
    return `of ${count(sessions, 'session')} exposed to ${name}, only ${returned} came back to look`
  if (writesSent === 0 || writes > 0) return undefined
  return `of ${count(writesSent, 'write')} in the sessions exposed to ${name}, not one was acknowledged before it`
}
