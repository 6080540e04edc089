/**
 * Probes one upstream's /readyz periodically, each time on a new connection, because a probe also tests that it accepts connections. One
 * probe runs at a time, and each ends within its timeout.
 */
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { ProbeOutcome } from './health.ts'
import { HONOURED_HEADER } from './keyed-routes.ts'
import { isSelfConnected } from './refusal.ts'

export interface ProberOptions {
  readonly hostname: string
  readonly port: number
  /** From the start of one probe to that of the next, with 10 % jitter. */
  readonly intervalMs: number
  readonly timeoutMs: number
  /** After so long without an answer `late` is called. */
  readonly lateMs: number
  readonly late: () => void
  readonly random: () => number
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

export function prober(options: ProberOptions): Prober {
  const first = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined
  let startedAtMs = 0
  let cancel: (() => void) | undefined
  let closed = false
  let questions: ((outcome: ProbeOutcome) => void)[] = []
  let answering: { readonly cancel: () => void; readonly asked: typeof questions } | undefined

  function start(): void {
    startedAtMs = options.now()
    cancel = probe(options, (outcome) => {
      cancel = undefined
      options.probed(outcome, startedAtMs)
      first.resolve()
      const jitter = 1 + JITTER * (2 * options.random() - 1)
      if (!closed) schedule(options.intervalMs * jitter)
    })
  }

  function schedule(sinceStartMs: number): void {
    clearTimeout(timer)
    timer = setTimeout(start, Math.max(0, startedAtMs + sinceStartMs - options.now()))
  }

  /** One probe answers all calls before its start. */
  function answer(): void {
    const asked = questions
    questions = []
    const cancelAnswer = probe({ ...options, late: () => undefined }, (outcome) => {
      answering = undefined
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
      if (!closed && cancel === undefined) schedule(GAP_MIN_MS)
    },
    close() {
      closed = true
      clearTimeout(timer)
      cancel?.()
      answering?.cancel()
      // Callers that wait for a report would wait for ever.
      first.resolve()
      for (const resolve of [...(answering?.asked ?? []), ...questions]) resolve(CLOSED)
    },
  }
}

const CLOSED: ProbeOutcome = { result: 'failed', reason: 'it is probed no more' }

const READY = 200
const UNREADY = 503

/** Reports once, unless it is cancelled. */
function probe(options: ProberOptions, report: (outcome: ProbeOutcome) => void): () => void {
  const { hostname, port, timeoutMs, lateMs } = options
  const request = get({ hostname, port, path: '/readyz', agent: false, headers: { accept: 'application/json' } })
  let settled = false
  const none: ProbeOutcome = { result: 'failed', reason: `no answer in ${timeoutMs} ms` }
  // If this process itself was stopped, the answer lies in the socket and is read before the next immediate.
  const timer = setTimeout(() => setImmediate(() => settle(none)), timeoutMs)
  const lateTimer = setTimeout(() => setImmediate(() => settled || options.late()), lateMs)

  function settle(outcome: ProbeOutcome | undefined): void {
    if (settled) return
    settled = true
    clearTimeout(timer)
    clearTimeout(lateTimer)
    request.destroy()
    if (outcome !== undefined) report(outcome)
  }

  request.on('socket', (socket) =>
    socket.once('connect', () => {
      if (isSelfConnected(socket)) settle({ result: 'refused', reason: 'connected to itself' })
    }),
  )
  request.on('response', (response) => {
    response.resume()
    response.once('end', () => settle(meaning(response)))
  })
  request.on('error', (error: NodeJS.ErrnoException) => {
    const reason = error.code ?? error.message
    settle({ result: reason === 'ECONNREFUSED' ? 'refused' : 'failed', reason })
  })
  return () => settle(undefined)
}

/** The header in which a node reports its incarnation. */
const INCARNATION_HEADER = 'x-incarnation'
const INCARNATION = /^[\w-]{1,64}$/

function meaning({ statusCode: status, headers }: IncomingMessage): ProbeOutcome {
  const said = headers[INCARNATION_HEADER]
  const incarnation = typeof said === 'string' && INCARNATION.test(said) ? said : undefined
  const keyed = headers[HONOURED_HEADER]
  const honoured = typeof keyed === 'string' ? keyed : undefined
  const about = { ...(incarnation !== undefined && { incarnation }), ...(honoured !== undefined && { honoured }) }
  if (status === READY) return { result: 'ready', ...about }
  if (status === UNREADY) return { result: 'unready', ...about }
  return { result: 'failed', reason: `/readyz answered ${status}` }
}
