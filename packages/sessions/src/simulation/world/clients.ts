/** The clients of a run: each does one operation after the other, on the node of the script or the next one alive. */
import type { SessionKey, SessionRecord, WriteResult } from '../../contract.ts'
import type { VerbOutcome } from '../../replication/wire/messages.ts'
import type { Peer } from '../../replication/replica/peer.ts'
import type { Cluster } from './cluster.ts'
import type { Operated, Seen } from '../check/history.ts'
import type { Operation, Script } from './script.ts'

/** An operation refused without effect. Whether the node had to serve it is judged after the run. */
export interface RefusedOperation {
  readonly operation: Operation
  readonly node: number
  readonly startMs: number
  readonly endMs: number
  readonly refusal: string
}

interface Running {
  readonly node: number
  readonly crashed: () => void
}

const HOUR_MS = 3_600_000

export const keyOf = (key: number): SessionKey => `key-${key}` as SessionKey

export class Clients {
  readonly histories: Operated[][]
  readonly refused: RefusedOperation[] = []
  readonly #script: Script
  readonly #cluster: Cluster
  readonly #failed: (what: string) => void
  /** The version that each client saw last of each key. */
  readonly #seen: Map<number, number>[]
  readonly #running = new Set<Running>()
  readonly #queues = new Map<number, Operation[]>()
  readonly #busy = new Set<number>()

  constructor(script: Script, cluster: Cluster, failed: (what: string) => void) {
    this.#script = script
    this.#cluster = cluster
    this.#failed = failed
    this.histories = Array.from({ length: script.keys }, () => [])
    this.#seen = Array.from({ length: script.keys }, () => new Map())
    for (const operation of script.operations) cluster.time.at(operation.atMs, () => this.#due(operation))
  }

  /** Some write was acknowledged. */
  get haveWritten(): boolean {
    return this.histories.some((history) =>
      history.some(({ seen }) => seen.verb === 'write' && seen.result?.status === 'written'),
    )
  }

  get unanswered(): number {
    return this.#running.size
  }

  crashed(node: number): void {
    for (const running of this.#running) if (running.node === node) running.crashed()
  }

  /** At the operation's node, and no other. */
  do(operation: Operation, over: () => void): void {
    const { node } = operation
    const { time } = this.#cluster
    const startMs = time.nowMs
    let isOver = false
    const end = (run: () => void): void => {
      if (isOver) return this.#failed(`operation #${operation.id} was answered twice`)
      isOver = true
      this.#running.delete(running)
      run()
      over()
    }
    const history = this.histories[operation.key] as Operated[]
    const record = (endMs: number, seen: Seen): unknown =>
      history.push({ id: operation.id, client: operation.client, node, startMs, endMs, seen })
    const begun = this.#begun(operation)
    const lost = (): void => {
      if (begun.unknown !== undefined) record(Infinity, begun.unknown)
    }
    const running = { node, crashed: () => end(lost) }
    this.#running.add(running)
    this.#cluster.onNode(node, (peer) => {
      begun.start(peer, (outcome) => {
        // A dead process answers nothing.
        if (isOver && this.#cluster.peer(node) !== peer) return
        end(() => {
          if (outcome.ok) record(time.nowMs, begun.seen(outcome.value))
          else {
            const { refusal } = outcome
            this.refused.push({ operation, node, startMs, endMs: time.nowMs, refusal })
            if (refusal === 'unknown') lost()
          }
        })
      })
    })
  }

  #due(operation: Operation): void {
    const { client } = operation
    if (this.#busy.has(client)) {
      const queue = this.#queues.get(client) ?? []
      this.#queues.set(client, [...queue, operation])
      return
    }
    const node = this.#living(operation.node)
    if (node === undefined) return
    this.#busy.add(client)
    this.do({ ...operation, node }, () => {
      this.#busy.delete(client)
      const [next, ...rest] = this.#queues.get(client) ?? []
      this.#queues.set(client, rest)
      if (next !== undefined) this.#cluster.time.after(0.5, () => this.#due(next))
    })
  }

  #living(first: number): number | undefined {
    const order = Array.from({ length: this.#script.nodes }, (_, step) => (first + step) % this.#script.nodes)
    return order.find((node) => this.#cluster.peer(node) !== undefined)
  }

  /** How to start it, what its answer shows, and what to record when its outcome is unknown. */
  #begun(operation: Operation): {
    start: (peer: Peer, done: (outcome: VerbOutcome<unknown>) => void) => void
    seen: (value: unknown) => Seen
    unknown: Seen | undefined
  } {
    const key = keyOf(operation.key)
    const versions = this.#seen[operation.key] as Map<number, number>
    const { verb, client, ack, id } = operation
    const farMs = Math.floor(this.#cluster.wallMs()) + HOUR_MS
    const note = (version: number): unknown => versions.set(client, version)
    switch (verb) {
      case 'read':
        return {
          start: (peer, done) => peer.read(key, done),
          seen: (value) => {
            const record = value as SessionRecord | undefined
            note(record?.version ?? 0)
            return { verb, record }
          },
          unknown: undefined,
        }
      case 'touch':
        return {
          start: (peer, done) => peer.touch(key, farMs + HOUR_MS + id, done),
          seen: (value) => ({ verb, isThere: value as boolean }),
          unknown: undefined,
        }
      case 'destroy': {
        const fenceUntilMs = Math.floor(this.#cluster.wallMs()) + operation.fenceMs
        return {
          start: (peer, done) => peer.destroy(key, { fenceUntilMs, ack }, done),
          seen: () => {
            note(0)
            return { verb, fenceUntilMs, isDone: true }
          },
          unknown: { verb, fenceUntilMs, isDone: undefined },
        }
      }
      case 'write': {
        const expectedVersion = Math.max(0, (versions.get(client) ?? 0) + (operation.isBlind ? (id % 3) - 1 : 0))
        const body = String(id)
        return {
          start: (peer, done) => peer.write(key, { expectedVersion, expiresAtMs: farMs + id, body, ack }, done),
          seen: (value) => {
            const result = value as WriteResult
            note(
              result.status === 'written' ? result.version : result.status === 'conflict' ? result.current.version : 0,
            )
            return { verb, expectedVersion, body, result }
          },
          unknown: { verb, expectedVersion, body, result: undefined },
        }
      }
    }
  }
}
