/** One worker, as the process that started it sees it: its life, and questions with their answers. */
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { ConnectionTaker } from './connection-keeper.ts'
import type { Entrance } from '../clients/client-listeners.ts'
import type { FromWorker, Question, ToWorker } from './fleet-messages.ts'
import type { Follower, Update } from '../upstreams/followers.ts'

/** A worker could not start; the message is its own. */
export class WorkerStartError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'WorkerStartError'
    this.code = code
  }
}

export interface WorkerEvents {
  /** It ejected the upstream at this URL. */
  readonly ejected: (url: string) => void
  readonly departed: (url: string, since: number) => void
  readonly connections: (took: number, closed: readonly number[]) => void
  readonly died: () => void
}

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const ANSWER_WAIT_MS = 15_000

/** A worker refused an order. */
export class WorkerFaultError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WorkerFaultError'
  }
}

export class FleetWorker implements Follower, ConnectionTaker {
  readonly #process: ChildProcess
  readonly #events: WorkerEvents
  readonly #ready = Promise.withResolvers<void>()
  readonly #died = Promise.withResolvers<void>()
  readonly #asked = new Map<number, Asked>()
  #questions = 0
  #isReady = false

  constructor(child: ChildProcess, events: WorkerEvents) {
    this.#process = child
    this.#events = events
    this.#ready.promise.catch(() => 'callers of ready are told')
    child.on('message', (message: FromWorker) => this.#heard(message))
    child.once('exit', (code, signal) => this.#onExit(signal ?? `code ${code}`))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Whether it serves, and answers. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Rejects with WorkerStartError. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  get died(): Promise<void> {
    return this.#died.promise
  }

  tell(message: ToWorker): void {
    if (this.#process.connected) this.#process.send(message, () => 'whether it came is seen by what follows')
  }

  hand(slot: number, entrance: Entrance, socket: Socket): void {
    if (!this.#process.connected) return
    const message: ToWorker = { type: 'connection', slot, entrance }
    this.#process.send(message, socket, { keepOpen: true }, () => 'where it did not come, the process is dead')
  }

  async apply(update: Update): Promise<void> {
    const applied = this.ask({ what: 'apply', update })
    if (this.#isReady) return void (await applied)
    // Messages arrive in order, so the worker has this one before it serves. If it does not start, another replaces it.
    applied.catch(() => 'seen when it does not become ready')
  }

  /** Rejects with WorkerFaultError, or when it dies, or takes too long. */
  async ask(question: Question): Promise<unknown> {
    const id = (this.#questions += 1)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#asked.set(id, { resolve, reject })
    const timer = setTimeout(() => reject(new Error(`worker ${this.pid} did not answer`)), ANSWER_WAIT_MS)
    this.tell({ type: 'ask', id, question })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#asked.delete(id)
    }
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #heard(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#isReady = true
        return this.#ready.resolve()
      case 'failed':
        return this.#ready.reject(new WorkerStartError(message.code, message.message))
      case 'ejected':
        return this.#events.ejected(message.url)
      case 'connections':
        return this.#events.connections(message.took, message.closed)
      case 'departed':
        return this.#events.departed(message.url, message.since)
      case 'answer': {
        const asked = this.#asked.get(message.id)
        if (message.fault === undefined) return asked?.resolve(message.value)
        return asked?.reject(new WorkerFaultError(message.fault))
      }
    }
  }

  #onExit(how: string): void {
    this.#isReady = false
    const error = new WorkerStartError('DIED', `A worker ended with ${how} before it was ready.`)
    this.#ready.reject(error)
    for (const { reject } of this.#asked.values()) reject(new Error(`worker ${this.pid} died`))
    this.#died.resolve()
    this.#events.died()
  }
}
