/**
 * Kills a node at one crash point of one operation, then looks at the consequences as the customer of that request does,
 * through the balancer. The same checkers judge this as any other history.
 *
 * The balancer decides which node gets a request. If it is not the node with the armed crash, that attempt shows nothing, and
 * another customer tries.
 */
import assert from 'node:assert/strict'
import { type AnomalyKind, isWhole, judge, type TraceEvent } from '@ninelives/history'
import type { CrashPoint } from '../faults/contract/fault-detail.ts'
import type { Lab } from '../lab.ts'
import type { Answered } from '../users/send-operation.ts'
import { Client } from '../users/client.ts'
import { type OperationEvent, Recorder } from '../users/recorder.ts'
import { anyNodeServes, type Strategy } from '../strategies.ts'
import { succeeds, until } from '../wait.ts'
import type { Cell } from './chart.ts'
import { Customer } from './customer.ts'
import type { Operation, Seen } from './operations.ts'

interface Trial {
  readonly customer: Customer
  readonly recorder: Recorder
  readonly attempt: number
  readonly events: OperationEvent[]
}

const TRIES_MAX = 12
/** A crash lands before its request is answered; this is the time until the trace shows it. */
const LANDING_WAIT_MS = 400
const CONFIRM_WAIT_MS = 5_000
const WHOLE_DEADLINE_MS = 30_000
const ACCOUNTS = 100

export class Explorer {
  readonly #lab: Lab
  /** Whether all requests of a session go to the same node. */
  readonly #isPinned: boolean
  readonly #shop: Client
  /** The nodes to compare copies of; empty if not every node should have every session. */
  readonly #copies: readonly { readonly name: string; readonly client: Client }[]
  readonly #signal: AbortSignal
  /** The nodes' names, the one that answered last at the end. */
  #turns: readonly string[]
  #customers = 0
  #lastOp = 0

  constructor(lab: Lab, strategy: Pick<Strategy, 'routing' | 'isShared'>, signal: AbortSignal) {
    this.#lab = lab
    this.#isPinned = strategy.routing !== 'round-robin'
    this.#shop = new Client(new URL(lab.cluster.url))
    const nodes = anyNodeServes(strategy) ? lab.cluster.nodes : []
    this.#copies = nodes.map(({ name, url }) => ({ name, client: new Client(new URL(url)) }))
    this.#turns = lab.cluster.nodes.map(({ name }) => name)
    this.#signal = signal
  }

  close(): void {
    this.#shop.close()
    for (const { client } of this.#copies) client.close()
  }

  async explore(operation: Operation, point: CrashPoint): Promise<Cell> {
    const about = { operation: operation.name, point }
    for (let attempt = 1; attempt <= TRIES_MAX && !this.#signal.aborted; attempt++) {
      await this.#whole()
      const seen = await this.#try(operation, point, attempt)
      if (seen !== 'elsewhere') return { ...about, ...seen }
    }
    return { ...about, state: 'missed', lost: [] }
  }

  async #try(
    operation: Operation,
    point: CrashPoint,
    attempt: number,
  ): Promise<Omit<Cell, 'operation' | 'point'> | 'elsewhere'> {
    const events: OperationEvent[] = []
    const recorder = this.#recorder(events)
    const visit = 1 + Math.floor(this.#customers / ACCOUNTS)
    const customer = new Customer({
      recorder,
      shop: this.#shop,
      url: new URL(this.#lab.cluster.url),
      number: this.#customers++ % ACCOUNTS,
      visit,
      onAnswer: (node) => (this.#turns = [...this.#turns.filter((each) => each !== node), node]),
    })
    try {
      return await this.#crash(operation, point, { customer, recorder, attempt, events })
    } finally {
      customer.close()
    }
  }

  async #crash(
    operation: Operation,
    point: CrashPoint,
    { customer, recorder, attempt, events }: Trial,
  ): Promise<Omit<Cell, 'operation' | 'point'> | 'elsewhere'> {
    if (!(await operation.prepare(customer))) {
      recorder.flush()
      return { state: 'not-reached', lost: this.#judged(events) }
    }
    const node = operation.node?.(customer) ?? this.#nodeFor(attempt)
    const { faults } = this.#lab
    const { id } = await faults.inject({ kind: 'crash', target: node, point, operation: operation.route })
    const jar = customer.keepCookie()
    const cookieBefore = customer.cookie
    const answered = await operation.run(customer)
    if (!(await this.#landed(id, node))) {
      recorder.flush()
      return answered.node === node ? { state: 'not-passed', lost: [] } : 'elsewhere'
    }
    const seen = { answered, cookieBefore, ...(await this.#after(operation, customer, jar)) }
    recorder.flush()
    const { outcome } = answered
    return {
      state: 'landed',
      node,
      answer: {
        outcome: outcome.end,
        ...(outcome.end === 'ok' ? {} : { why: outcome.kind }),
        ...(answered.node === undefined || answered.node === node ? {} : { by: answered.node }),
      },
      done: operation.done(seen),
      lost: this.#judged(events),
    }
  }

  /** Looks at once, as a user would, and again when every node is back. */
  async #after(
    { name }: Operation,
    customer: Customer,
    jar: ReturnType<Customer['keepCookie']>,
  ): Promise<Pick<Seen, 'cookieAfter' | 'look' | 'count' | 'moves' | 'comeback'>> {
    const hasLeft = name === 'logout'
    const cookieAfter = customer.cookie
    if (!hasLeft) await customer.read()
    await this.#whole()
    const comeback: Answered = await customer.comeBackWith(jar)
    if (hasLeft) return { cookieAfter, look: comeback, count: undefined, moves: undefined, comeback }
    await customer.read()
    const { answer } = await customer.count()
    const look = await customer.read()
    const floor = name === 'move' ? await customer.hello() : undefined
    for (const copy of this.#copies) await customer.copyFrom(copy.name, copy.client)
    return { cookieAfter, look, count: answer.count, moves: floor?.answer.count, comeback }
  }

  /** The node that will probably get the next request: the last one if sessions are pinned, else the least recent one. */
  #nodeFor(attempt: number): string {
    const turns = this.#isPinned ? this.#turns.toReversed() : this.#turns
    const [node] = turns.slice((attempt - 1) % turns.length)
    assert(node !== undefined, 'a cluster has nodes')
    return node
  }

  /** The node's death shows first, the confirmation of the crash a little later. Heals the crash if it did not land. */
  async #landed(id: string, name: string): Promise<boolean> {
    const { faults, trace } = this.#lab
    const isUp = (): boolean => trace.state.nodes.some((node) => node.name === name && node.state === 'up')
    const isOver = (): boolean => !isUp() || faults.landed(id) !== undefined
    const left = await succeeds(until(isOver, { deadlineMs: LANDING_WAIT_MS, what: 'the crash' }))
    return await faults.landedWithin(id, left ? CONFIRM_WAIT_MS : 0)
  }

  #recorder(events: OperationEvent[]): Recorder {
    const { trace } = this.#lab
    return new Recorder({
      now: () => Number(process.hrtime.bigint() - trace.originNs) / 1e6,
      firstOp: this.#lastOp,
      report: (batch) => {
        for (const event of batch) {
          this.#lastOp = Math.max(this.#lastOp, event.op + 1)
          events.push(event)
          trace.append(event)
        }
      },
    })
  }

  #judged(operations: readonly OperationEvent[]): readonly AnomalyKind[] {
    const events = operations.map((event, seq): TraceEvent => ({ seq, atMs: 0, ...event }))
    return judge(events).anomalies.map(({ kind }) => kind)
  }

  async #whole(): Promise<void> {
    const { trace } = this.#lab
    await until(() => this.#signal.aborted || isWhole(trace.state), {
      deadlineMs: WHOLE_DEADLINE_MS,
      what: 'every node to be back',
    })
  }
}
