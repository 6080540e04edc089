/**
 * The trace as server-sent events, without single operations. Every message is one event with the id `run:seq`, so a client can
 * resume with Last-Event-ID. A client that is new, was away for longer than the lab remembers, or has the id of another run
 * first gets the message `state`: the cluster's state before the events that follow. When another run begins, its events follow.
 *
 * With `?users=on` a client also gets the users: first the message `crowd`, the view of all of them, and then four times a second a
 * `beat` with what changed. Operations are summed up once for all clients, and only while there is one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Crowd, isOperation, type TraceEvent } from '@ninelives/history'
import { ApiError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'

const CLIENTS_MAX = 64
const HEARTBEAT_MS = 10_000
const RETRY_MS = 1_000
/** The most unread bytes before a client is disconnected. It may resume with the id of the last event that it read. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024
const BEAT_MS = 250

/** The newest run, and those after it. */
export interface Feed {
  readonly needed: Traced
  follow(listener: (run: Traced) => void): () => void
}

interface Traced {
  readonly trace: Trace
}

export class EventStream {
  readonly #clients = new Set<ServerResponse>()
  /** Those that also get the users. */
  readonly #watchers = new Set<ServerResponse>()
  readonly #runs: Feed
  #crowd = new Crowd()
  #trace: Trace | undefined
  #beats: NodeJS.Timeout | undefined
  readonly #heartbeat: NodeJS.Timeout
  readonly #endFollowing: () => void
  #endListening: (() => void) | undefined

  constructor(runs: Feed) {
    this.#runs = runs
    this.#endFollowing = runs.follow((run) => this.#follow(run))
    this.#heartbeat = setInterval(() => this.#broadcast(': still here\n\n'), HEARTBEAT_MS)
  }

  get clients(): number {
    return this.#clients.size
  }

  open(request: IncomingMessage, response: ServerResponse): void {
    if (this.#clients.size >= CLIENTS_MAX) {
      throw new ApiError(503, 'TOO_MANY_CLIENTS', `at most ${CLIENTS_MAX} clients read the events at once`)
    }
    const { trace } = this.#runs.needed
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
    response.write(`retry: ${RETRY_MS}\n\n`)
    const { run } = trace.state
    const { base, events } = trace.since(lastSeen(request, run))
    if (base) response.write(`event: state\nid: ${run}:${base.seq}\ndata: ${JSON.stringify(base)}\n\n`)
    for (const event of events) response.write(message(event, run))
    this.#clients.add(response)
    if (new URL(request.url ?? '/', 'http://lab').searchParams.get('users') === 'on') this.#watch(response)
    response.on('close', () => this.#close(response))
    // The client is gone; `close` follows.
    response.on('error', () => undefined)
  }

  close(): void {
    clearInterval(this.#heartbeat)
    clearInterval(this.#beats)
    this.#endFollowing()
    this.#endListening?.()
    for (const client of this.#clients) client.end()
  }

  /** Clients stay connected, and get the new run's events from its first one on. */
  #follow({ trace }: Traced): void {
    this.#endListening?.()
    this.#trace = trace
    this.#crowd = new Crowd()
    for (const event of trace.since(undefined).events) {
      this.#crowd.take(event, trace.state)
      this.#broadcast(message(event, trace.state.run))
    }
    this.#endListening = trace.listen((event, before) => {
      this.#crowd.take(event, before)
      if (!isOperation(event)) this.#broadcast(message(event, trace.state.run))
    })
  }

  #watch(response: ServerResponse): void {
    // Earlier watchers must not miss what the new one's view has already.
    this.#beat()
    response.write(`event: crowd\ndata: ${JSON.stringify(this.#crowd.view)}\n\n`)
    this.#watchers.add(response)
    this.#beats ??= setInterval(() => this.#beat(), BEAT_MS)
  }

  #beat(): void {
    if (this.#trace === undefined) return
    const beat = this.#crowd.beat(this.#trace.nowMs)
    this.#broadcast(`event: beat\ndata: ${JSON.stringify(beat)}\n\n`, this.#watchers)
  }

  #close(response: ServerResponse): void {
    this.#clients.delete(response)
    this.#watchers.delete(response)
    if (this.#watchers.size > 0) return
    clearInterval(this.#beats)
    this.#beats = undefined
  }

  #broadcast(text: string, to: ReadonlySet<ServerResponse> = this.#clients): void {
    for (const client of to) {
      if (client.writableLength > UNREAD_BYTES_MAX) client.destroy()
      else client.write(text)
    }
  }
}

function lastSeen({ headers }: IncomingMessage, present: string): number | undefined {
  const [run, seq] = String(headers['last-event-id'] ?? '').split(':')
  return run === present && seq !== undefined && /^-?\d+$/.test(seq) ? Number(seq) : undefined
}

function message(event: TraceEvent, run: string): string {
  return `id: ${run}:${event.seq}\ndata: ${JSON.stringify(event)}\n\n`
}
