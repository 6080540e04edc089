/**
 * A recorded trace as server-sent events, in the messages of a live one (`event-stream.ts`): first `recording`, then events, and beats
 * with what happened to the users. The last message, `recorded`, says up to where the trace could be read. Each client has the file
 * read anew, as fast as it takes it, so a trace may be larger than the memory.
 */
import type { ServerResponse } from 'node:http'
import { Crowd, initialState, isOperation, type ReadTrace, reduce, type TraceEvent } from '@ninelives/history'
import { ApiError } from '../errors.ts'

const CLIENTS_MAX = 8
const BEAT_MS = 250
const CHUNK_LENGTH = 64 * 1024

export class Recording {
  readonly #read: () => ReadTrace
  readonly #clients = new Set<ServerResponse>()

  constructor(read: () => ReadTrace) {
    this.#read = read
  }

  async open(response: ServerResponse): Promise<void> {
    if (this.#clients.size >= CLIENTS_MAX)
      throw new ApiError(503, 'TOO_MANY_CLIENTS', `at most ${CLIENTS_MAX} clients read the recording at once`)
    this.#clients.add(response)
    const closed = new Promise((resolve) => response.once('close', resolve))
    response.on('close', () => this.#clients.delete(response))
    // The client is gone; `close` follows.
    response.on('error', () => undefined)
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
    let chunk = ''
    for (const message of messagesOf(this.#read())) {
      chunk += message
      if (chunk.length < CHUNK_LENGTH) continue
      await Promise.race([new Promise((resolve) => response.write(chunk, resolve)), closed])
      if (response.destroyed) return
      chunk = ''
    }
    response.end(chunk)
  }

  close(): void {
    for (const client of this.#clients) client.destroy()
  }
}

function* messagesOf(trace: ReadTrace): Generator<string> {
  yield message('recording', {})
  const crowd = new Crowd()
  let state = initialState
  let beatAtMs = BEAT_MS
  for (const event of trace.events) {
    if (event.atMs >= beatAtMs) {
      yield message('beat', crowd.beat(beatAtMs))
      beatAtMs = event.atMs - (event.atMs % BEAT_MS) + BEAT_MS
    }
    crowd.take(event, state)
    state = reduce(state, event)
    if (!isOperation(event)) yield eventMessage(event)
  }
  crowd.finish()
  yield message('beat', crowd.beat(state.atMs))
  yield message('recorded', { problem: trace.problem ?? null })
}

function eventMessage(event: TraceEvent): string {
  return `data: ${JSON.stringify(event)}\n\n`
}

function message(type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}
