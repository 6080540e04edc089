/**
 * The verdict on a run, from its trace alone. Events are taken one by one, so a run can be judged while it goes on, and memory
 * depends on the number of users and not on the run's length.
 */
import { ANOMALIES, type AnomalyKind, type Checker, type Finding } from './checkers/checker.ts'
import { checkers } from './checkers/index.ts'
import { Ledger } from './ledger/ledger.ts'
import { putsOf } from './ledger/settled.ts'
import { acknowledgedMoves } from './ledger/floor.ts'
import type { Observation, Visit } from './ledger/visit.ts'
import { Calm } from './calm.ts'
import { Coverage, type Exposure } from './coverage.ts'
import { type Interleaving, Interleavings } from './interleavings.ts'
import { Service, type ServiceFigures } from './service.ts'
import { Latency, type LatencyFigures } from './latency.ts'
import type { TraceProblem } from './trace/decode.ts'
import { CLOSED_WITHIN_MS } from './checkers/outlived-socket.ts'
import type { OperationEnded, RunEnded, TraceEvent } from './trace/events.ts'
import { shapeProblem } from './trace/shape.ts'

export interface Anomaly {
  readonly kind: AnomalyKind
  readonly times: number
  readonly worst: Finding
}

/** An exception in a part of the judge: a defect of this program, not of the trace. */
export interface Crash {
  /** The checker's kind, or `ledger`, which all checkers read. */
  readonly checker: AnomalyKind | 'ledger'
  readonly stack: string
}

export interface Verdict {
  /** `invalid` is proven by `anomalies`; `unknown` has its reasons in `doubts`; `valid` has neither. */
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  /** The worst kind first. */
  readonly anomalies: readonly Anomaly[]
  readonly doubts: readonly string[]
  /** Each is a doubt too; the findings of the other checkers stand. */
  readonly crashes: readonly Crash[]
  /** Operations without a recorded end are unknown. */
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number }
  readonly sessions: { readonly begun: number; readonly lost: number }
  /** `lost` includes writes in lost sessions. */
  readonly writes: { readonly acknowledged: number; readonly lost: number }
  /** Absent without one operation on the floor. */
  readonly floor?: FloorFigures
  readonly faults: { readonly landed: number; readonly missed: number }
  readonly exposures: readonly Exposure[]
  /** How often each hard interleaving occurred. */
  readonly interleavings: readonly Interleaving[]
  /** What could be served while faults stood; absent if the run does not say what that needs. */
  readonly service?: ServiceFigures
  /** Its doubts are separate from the verdict's. */
  readonly latency: LatencyFigures
}

export interface FloorFigures {
  /** `lost` includes moves in lost sessions. */
  readonly moves: { readonly acknowledged: number; readonly lost: number; readonly doubled: number }
  /** Moves that were sent again, over another socket. */
  readonly sentAgain: number
  /**
   * Sockets that the server closed after the logout, and the longest time from the logout's answer to that. `untimed`: the end may have come
   * in time or later, because the process of the users was late.
   */
  readonly closed: { readonly sockets: number; readonly slowestMs: number; readonly untimed: number }
}

/** Is told what the judge sees, while the run goes on. */
export interface JudgeWatch {
  /** An operation that ended, when the checkers have seen it and the visit has its effect. */
  readonly observed?: (seen: Observation) => void
  readonly found?: (kind: AnomalyKind, finding: Finding) => void
}

const NEVER = Number.POSITIVE_INFINITY

export class Judge {
  /** The checkers of operations, and those of visits that are over; without those that crashed. */
  #watching: readonly Checker[]
  #closing: readonly Checker[]
  readonly #coverage = new Coverage()
  readonly #calm = new Calm()
  readonly #interleavings = new Interleavings()
  readonly #service = new Service()
  readonly #latency = new Latency()
  readonly #ledger = new Ledger((visit) => this.#over(visit))
  readonly #found = new Map<AnomalyKind, { times: number; worst: Finding }>()
  readonly #ends = { ok: 0, failed: 0, unknown: 0 }
  #sent = 0
  #sessions = { begun: 0, lost: 0 }
  #writes = { acknowledged: 0, lost: 0 }
  #hasFloor = false
  #moves = { acknowledged: 0, lost: 0, doubled: 0 }
  #sentAgain = 0
  #closed = { sockets: 0, slowestMs: 0, untimed: 0 }
  /** False until the first process of users is up, whose first operations may have been recorded before. */
  #usersCame = false
  #end: RunEnded | undefined
  #lastSeq = -1
  readonly #crashes: Crash[] = []
  readonly #watch: JudgeWatch
  /** The first malformed event. */
  #problem: TraceProblem | undefined

  constructor(all: readonly Checker[] = checkers, watch: JudgeWatch = {}) {
    this.#watch = watch
    this.#watching = all.filter(({ observe }) => observe !== undefined)
    this.#closing = all.filter(({ over }) => over !== undefined)
  }

  /** Never throws: a malformed event or a crash of the ledger ends the judging there. */
  take(event: TraceEvent): void {
    if (this.#isStopped) return
    try {
      this.#take(event)
    } catch (error) {
      const reason = shapeProblem(event as TraceEvent & Record<string, unknown>)
      if (reason === undefined) this.#crashed('ledger', error)
      else this.#problem = { line: event.seq + 1, reason }
    }
  }

  #take(event: TraceEvent): void {
    this.#coverage.take(event)
    this.#calm.take(event)
    this.#ledger.calmSinceMs = this.#calm.sinceMs
    this.#interleavings.take(event)
    this.#service.take(event)
    this.#lastSeq = event.seq
    if (event.type === 'operation-sent') {
      this.#sent++
      this.#latency.sent(event)
      this.#ledger.sent(event)
    } else if (event.type === 'operation-ended' && this.#ledger.awaits(event.op)) {
      this.#ends[event.outcome]++
      this.#ended(event)
    } else if (event.type === 'run-started') {
      const { idleTimeoutMs: idleMs = NEVER, absoluteTimeoutMs: absoluteMs = NEVER } = event
      const { visitorIdleTimeoutMs: visitorIdleMs = NEVER } = event
      this.#ledger.timeouts = { idleMs, absoluteMs, visitorIdleMs }
    } else if (event.type === 'process-up' && event.process === 'users') {
      // A new process of users begins without sessions.
      if (this.#usersCame) this.#ledger.close()
      this.#usersCame = true
    } else if (event.type === 'run-ended') {
      this.#end = event
    }
  }

  /** The kinds found so far, without those that only the end of a visit shows. */
  get kindsSoFar(): ReadonlySet<AnomalyKind> {
    return new Set(this.#found.keys())
  }

  get interleavings(): readonly Interleaving[] {
    return this.#interleavings.all
  }

  hasFound(kind: AnomalyKind): boolean {
    return this.#found.has(kind)
  }

  /** Ends the judging. `problem` says why the trace could not be read to its end. */
  verdict(problem?: TraceProblem): Verdict {
    this.#close()
    const anomalies = ANOMALIES.flatMap((kind): Anomaly[] => {
      const found = this.#found.get(kind)
      return found === undefined ? [] : [{ kind, ...found }]
    })
    const doubts = [
      ...this.#crashDoubts(),
      ...this.#breakOff(this.#problem ?? problem),
      ...this.#coverage.doubts(),
      ...this.#interleavings.doubts(),
      ...this.#service.doubts(),
      ...this.#socketDoubts(),
    ]
    const { ok, failed } = this.#ends
    const { figures: service } = this.#service
    return {
      verdict: anomalies.length > 0 ? 'invalid' : doubts.length > 0 ? 'unknown' : 'valid',
      anomalies,
      doubts,
      crashes: this.#crashes,
      operations: { ok, failed, unknown: this.#sent - ok - failed },
      sessions: this.#sessions,
      writes: this.#writes,
      ...(this.#hasFloor ? { floor: { moves: this.#moves, sentAgain: this.#sentAgain, closed: this.#closed } } : {}),
      faults: this.#coverage.faults,
      exposures: this.#coverage.exposures,
      interleavings: this.interleavings,
      ...(service === undefined ? {} : { service }),
      latency: this.#latency.figures,
    }
  }

  get #isStopped(): boolean {
    return this.#problem !== undefined || this.#crashes.some(({ checker }) => checker === 'ledger')
  }

  #close(): void {
    try {
      this.#ledger.close()
    } catch (error) {
      if (!this.#isStopped) this.#crashed('ledger', error)
    }
  }

  #crashed(checker: Crash['checker'], error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error)
    this.#crashes.push({ checker, stack })
    this.#watching = this.#watching.filter(({ kind }) => kind !== checker)
    this.#closing = this.#closing.filter(({ kind }) => kind !== checker)
  }

  #crashDoubts(): string[] {
    return this.#crashes.map(({ checker, stack }) => {
      const what = checker === 'ledger' ? 'the ledger' : `checker ${checker}`
      return `${what} failed, which is a defect of this program: ${stack.split('\n', 1)[0]}`
    })
  }

  #breakOff(problem: TraceProblem | undefined): string[] {
    if (problem !== undefined) return [`the trace can be read up to line ${problem.line}: ${problem.reason}`]
    if (this.#isStopped) return [`nothing after line ${this.#lastSeq + 1} of the trace was judged`]
    if (this.#end === undefined) return [`the trace breaks off after line ${this.#lastSeq + 1}: the run has no end`]
    return this.#end.cutShort === undefined ? [] : [`the run was cut short: ${this.#end.cutShort}`]
  }

  #ended(event: OperationEnded): void {
    const seen = this.#ledger.ended(event)
    if (seen === undefined) return
    this.#latency.ended(seen.done.sent, event)
    this.#coverage.ended(seen.done)
    this.#interleavings.ended(seen.done)
    this.#service.ended(seen.done)
    this.#observe(seen)
  }

  #observe(seen: Observation): void {
    this.#ask(this.#watching, ({ observe }) => observe?.(seen))
    const { sent, ended } = seen.done
    if (sent.kind === 'login' && ended.outcome === 'ok') this.#sessions.begun++
    if (sent.kind === 'put' && ended.outcome === 'ok') this.#writes.acknowledged++
    this.#noteFloor(seen)
    this.#ledger.settle(seen)
    this.#watch.observed?.(seen)
  }

  #noteFloor({ done: { sent, ended }, visit }: Observation): void {
    this.#hasFloor ||= sent.kind === 'hello' || sent.kind === 'move'
    if (ended.outcome !== 'ok') return
    if (sent.kind === 'move') {
      this.#moves.acknowledged++
      if ((ended.attempts ?? 1) > 1) this.#sentAgain++
    }
    if (sent.kind !== 'linger' || visit.logout === undefined) return
    const { endedAtMs, openAtMs = endedAtMs } = ended
    const byMs = endedAtMs - visit.logout.endedAtMs
    this.#closed.sockets++
    this.#closed.slowestMs = Math.max(this.#closed.slowestMs, byMs)
    if (byMs > CLOSED_WITHIN_MS && openAtMs - visit.logout.endedAtMs <= CLOSED_WITHIN_MS) this.#closed.untimed++
  }

  /** A checker that crashes is not called again; the others go on. */
  #ask(some: readonly Checker[], question: (checker: Checker) => readonly Finding[] | undefined): void {
    for (const checker of some) {
      try {
        const findings = question(checker) ?? []
        if (findings.length > 0) for (const finding of findings) this.#note(checker.kind, finding)
      } catch (error) {
        this.#crashed(checker.kind, error)
      }
    }
  }

  #socketDoubts(): string[] {
    const { sockets, untimed } = this.#closed
    if (sockets === 0 || untimed < sockets) return []
    return ['whether sockets were closed in time is not known of any: the process of the users was late']
  }

  #over(visit: Visit): void {
    this.#coverage.over(visit)
    this.#ask(this.#closing, ({ over }) => over?.(visit))
    const isLost = (gap: unknown): boolean => gap !== undefined || visit.refusal !== undefined
    this.#writes.lost += putsOf(visit).filter(({ outcome, gap }) => outcome === 'ok' && isLost(gap)).length
    this.#moves.lost += goneWithSession(visit)
  }

  #note(kind: AnomalyKind, finding: Finding): void {
    this.#watch.found?.(kind, finding)
    if (kind === 'lost-session') this.#sessions.lost++
    if (kind === 'lost-move') this.#moves.lost += finding.weight
    if (kind === 'doubled-move') this.#moves.doubled += finding.weight
    const found = this.#found.get(kind)
    if (found === undefined) this.#found.set(kind, { times: 1, worst: finding })
    else {
      found.times++
      if (finding.weight > found.worst.weight) found.worst = finding
    }
  }
}

/** The acknowledged moves of a lost session that were not missing before. */
function goneWithSession(visit: Visit): number {
  const { refusal, floor } = visit
  if (refusal === undefined || floor === undefined) return 0
  return Math.max(0, acknowledgedMoves(visit) - floor.lost - (floor.shortfall?.lost ?? 0))
}

/** Events that are read while they are judged. */
export interface ReadTrace {
  readonly events: Iterable<TraceEvent>
  /** Known after the iteration. */
  readonly problem?: TraceProblem | undefined
}

/** Judges a trace while it is read. */
export function judgeTrace(trace: ReadTrace): Verdict {
  const each = new Judge()
  for (const event of trace.events) each.take(event)
  return each.verdict(trace.problem)
}

export function judge(events: Iterable<TraceEvent>, problem?: TraceProblem): Verdict {
  return judgeTrace({ events, problem })
}
