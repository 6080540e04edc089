/**
 * Asks one upstream for its ready path again and again. While it is ready, one connection is asked for some seconds, as a new connection for each
 * probe takes twice the CPU time at either end; then a new one shows that the upstream still takes them. After any other answer, and when
 * something went wrong there, each probe has a new connection. One probe is under way at a time, and every probe ends within its timeout.
 */
import type { ProbeOutcome } from './health.ts'
import { HONOURED_HEADER } from './keyed-routes.ts'
import { ProbeConnection } from './probe-connection.ts'
import type { ProbeAnswer, ProbeFailure } from './probe-connection.ts'

export interface ProberOptions {
  readonly hostname: string
  readonly port: number
  readonly readyPath: string
  /** From the start of one probe to that of the next, with 10 % jitter. */
  readonly intervalMs: number
  readonly timeoutMs: number
  /** How long a question may take to be answered. A request waits for it, as it would for a slow answer. */
  readonly questionTimeoutMs: number
  /** After so long without an answer `late` is called. */
  readonly lateMs: number
  readonly late: () => void
  readonly clock: ProbeClock
  readonly now: () => number
  readonly probed: (outcome: ProbeOutcome, startedAtMs: number) => void
}

export interface Prober {
  /** Resolves when the first probe has been reported. */
  open(): Promise<void>
  /** A request failed there: probes now, unless a probe runs. */
  hurry(): void
  /** The result of a probe that begins after the call, beside the periodic ones. */
  ask(): Promise<ProbeOutcome>
  close(): void
}

const JITTER = 0.1
/** The bound for hurried probes. */
const GAP_MIN_MS = 20
/** How long one connection is asked. */
const KEPT_MS = 2_500

interface Kept {
  readonly connection: ProbeConnection
  readonly sinceMs: number
}

export function prober(options: ProberOptions): Prober {
  const first = Promise.withResolvers<void>()
  let unschedule: (() => void) | undefined
  let startedAtMs = 0
  let cancel: (() => void) | undefined
  let closed = false
  let kept: Kept | undefined
  let questions: ((outcome: ProbeOutcome) => void)[] = []
  let answering: { readonly cancel: () => void; readonly asked: typeof questions } | undefined

  function start(): void {
    startedAtMs = options.now()
    const again = kept?.connection.isOpen ? kept : undefined
    kept = undefined
    cancel = probe(options, again?.connection, (outcome, connection) => {
      cancel = undefined
      if (connection !== undefined) keep(connection, again)
      options.probed(outcome, startedAtMs)
      first.resolve()
      if (!closed) schedule(options.intervalMs * (1 - JITTER), options.intervalMs * (1 + JITTER))
    })
  }

  function keep(connection: ProbeConnection, before: Kept | undefined): void {
    const sinceMs = before?.connection === connection ? before.sinceMs : startedAtMs
    if (options.now() - sinceMs < KEPT_MS) kept = { connection, sinceMs }
    else connection.close()
  }

  function schedule(soonestMs: number, latestMs: number): void {
    unschedule?.()
    unschedule = options.clock.schedule(startedAtMs + soonestMs, startedAtMs + latestMs, start)
  }

  /** One probe answers all calls before its start. */
  function answer(): void {
    const asked = questions
    questions = []
    const question = { ...options, timeoutMs: options.questionTimeoutMs, late: () => undefined }
    const cancelAnswer = probe(question, undefined, (outcome, connection) => {
      answering = undefined
      connection?.close()
      for (const resolve of asked) resolve(outcome)
      if (questions.length > 0) answer()
    })
    answering = { cancel: cancelAnswer, asked }
  }

  return {
    ask() {
      if (closed) return Promise.resolve(CLOSED)
      const { promise, resolve } = Promise.withResolvers<ProbeOutcome>()
      questions.push(resolve)
      if (answering === undefined) answer()
      return promise
    },
    open() {
      start()
      return first.promise
    },
    hurry() {
      if (closed || cancel !== undefined) return
      kept?.connection.close()
      kept = undefined
      schedule(GAP_MIN_MS, GAP_MIN_MS)
    },
    close() {
      closed = true
      unschedule?.()
      cancel?.()
      kept?.connection.close()
      answering?.cancel()
      // Callers that wait for a report would wait for ever.
      first.resolve()
      for (const resolve of [...(answering?.asked ?? []), ...questions]) resolve(CLOSED)
    },
  }
}

interface Scheduled {
  readonly atMs: number
  readonly start: () => void
}

/**
 * One timer for the probes of all upstreams. Probes that may set out together do, since waking this process costs more than a probe.
 * The jitter keeps several balancers from falling in step.
 */
export class ProbeClock {
  readonly #now: () => number
  readonly #random: () => number
  readonly #scheduled = new Set<Scheduled>()
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Infinity

  constructor(now: () => number, random: () => number) {
    this.#now = now
    this.#random = random
  }

  /** Calls `start` at some time between these two. Returns a function that prevents it. */
  schedule(soonestMs: number, latestMs: number, start: () => void): () => void {
    const together = [...this.#scheduled].find(({ atMs }) => atMs >= soonestMs && atMs <= latestMs)
    const atMs = together?.atMs ?? soonestMs + (latestMs - soonestMs) * this.#random()
    const entry = { atMs, start }
    this.#scheduled.add(entry)
    this.#arm()
    return () => {
      this.#scheduled.delete(entry)
      this.#arm()
    }
  }

  #arm(): void {
    const nextAtMs = Math.min(Infinity, ...[...this.#scheduled].map(({ atMs }) => atMs))
    if (nextAtMs === this.#timerAtMs) return
    clearTimeout(this.#timer)
    this.#timerAtMs = nextAtMs
    if (nextAtMs < Infinity) this.#timer = setTimeout(() => this.#startDue(), Math.max(0, nextAtMs - this.#now()))
  }

  #startDue(): void {
    // Timers have whole milliseconds.
    const untilMs = this.#now() + 1
    this.#timerAtMs = Infinity
    for (const entry of [...this.#scheduled].filter(({ atMs }) => atMs <= untilMs)) {
      this.#scheduled.delete(entry)
      entry.start()
    }
    this.#arm()
  }
}

const CLOSED: ProbeOutcome = { result: 'failed', reason: 'it is probed no more' }

const READY = 200
const UNREADY = 503
const ABSENT = 404

/** Reports once, unless it is cancelled: what it found, and the connection if it can be asked again. */
function probe(
  options: ProberOptions,
  again: ProbeConnection | undefined,
  report: (outcome: ProbeOutcome, connection?: ProbeConnection) => void,
): () => void {
  const { hostname, port, readyPath, timeoutMs, lateMs } = options
  const none: ProbeOutcome = { result: 'failed', reason: `no answer in ${timeoutMs} ms` }
  let connection = again ?? new ProbeConnection(hostname, port, readyPath)
  let settled = false
  // Where this process was what stood still, the answer lies in the socket and is read before the next immediate.
  const timer = setTimeout(() => setImmediate(() => settle(none)), timeoutMs)
  const lateTimer = setTimeout(() => setImmediate(() => settled || options.late()), lateMs)

  function settle(outcome: ProbeOutcome | undefined, isKept = false): void {
    if (settled) return
    settled = true
    clearTimeout(timer)
    clearTimeout(lateTimer)
    if (!isKept) connection.close()
    if (outcome !== undefined) report(outcome, isKept ? connection : undefined)
  }

  function onResult(result: ProbeAnswer | ProbeFailure): void {
    if ('status' in result) {
      const outcome = meaning(result, readyPath)
      return settle(outcome, result.isKept && outcome.result === 'ready')
    }
    const { reason, isRefused, isHeard } = result
    if (connection !== again || isHeard) return settle({ result: isRefused ? 'refused' : 'failed', reason })
    // The upstream closed the connection that it had kept, which says nothing of its health.
    connection = new ProbeConnection(hostname, port, readyPath)
    connection.ask(onResult)
  }

  connection.ask(onResult)
  return () => settle(undefined)
}

/** A node says by it which of its lives this is: what it kept in memory ended with the one before. */
const INCARNATION_HEADER = 'x-incarnation'
const INCARNATION = /^[\w-]{1,64}$/

function meaning({ status, headers }: ProbeAnswer, readyPath: string): ProbeOutcome {
  const said = headers.get(INCARNATION_HEADER)
  const honoured = headers.get(HONOURED_HEADER)
  const about = {
    ...(said !== undefined && INCARNATION.test(said) && { incarnation: said }),
    ...(honoured !== undefined && { honoured }),
  }
  if (status === READY) return { result: 'ready', ...about }
  if (status === UNREADY) return { result: 'unready', ...about }
  const remedy = status === ABSENT ? '; READY_PATH can name another path' : ''
  return { result: 'failed', reason: `${readyPath} answered ${status}${remedy}` }
}
