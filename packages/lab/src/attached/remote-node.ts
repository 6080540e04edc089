/**
 * A node that another program keeps alive, such as Docker. The lab reaches it at its lab port, and orders it to break itself. The
 * connection is the node's life: it ends with the process, and whatever starts the node again opens the port anew.
 */
import { connect, type Socket } from 'node:net'
import type { ClusterState, EventBody, NodeLife } from '@ninelives/history'
import { type LabMessage, type SignedLines, signedLines } from '@ninelives/node/signed-lines'
import type { MemberKeeper, NodeMember } from '../cluster/member.ts'
import { NodeProbe } from '../cluster/node-probe.ts'
import { visitorServed } from '../cluster/visitors.ts'
import { ApiError } from '../errors.ts'
import type { Message } from '../supervise/child.ts'
import type { RunState } from '../supervise/process-table.ts'
import { succeeds, until } from '../wait.ts'

export interface RemoteNodeOptions {
  readonly name: string
  readonly url: string
  readonly lab: { readonly host: string; readonly port: number }
  readonly secret: string
  readonly append: (event: EventBody) => void
  readonly state: () => ClusterState
  /** Told once for each reason why a connection is no use, such as another secret. */
  readonly warn: (line: string) => void
}

const CONNECT_EVERY_MS = 250
const KEEP_ALIVE_MS = 5_000
const STARTED_WITHIN_MS = 60_000
const STARTED_POLL_MS = 100

type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }
const UNKNOWN_EXIT: Exit = { code: null, signal: null }

export class RemoteNode implements NodeMember {
  readonly name: string
  readonly url: string
  readonly keeper: MemberKeeper = {
    signal: (signal) => this.#order(signal),
    call: (message, answer, withinMs) => this.#call(message, answer, withinMs),
    start: () => this.#started(),
  }
  readonly #options: RemoteNodeOptions
  readonly #probe = new NodeProbe()
  readonly #answers = new Map<string, () => void>()
  #socket: Socket | undefined
  #lines: SignedLines | undefined
  #again: NodeJS.Timeout | undefined
  #isClosed = false
  #lives = 0
  #isUp = false
  #isLeaving = false
  #exit = UNKNOWN_EXIT
  #held = 0
  #downSinceMs: number | undefined
  #orders = 0
  #warned = ''

  constructor(options: RemoteNodeOptions) {
    this.name = options.name
    this.url = options.url
    this.#options = options
  }

  /** Every process has the same pid in its container, so the lives are counted. */
  get pid(): number | undefined {
    return this.#isUp ? this.#lives : undefined
  }

  get life(): NodeLife {
    if (!this.#isUp) return 'down'
    return this.#isLeaving ? 'draining' : 'up'
  }

  /** Connects, now and whenever the connection has ended. */
  connect(): void {
    const { lab, secret } = this.#options
    const socket = connect(lab)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#socket = socket
    this.#lines = signedLines(socket, {
      side: 'lab',
      secret,
      onProven: () => undefined,
      onMessage: (message) => this.#onMessage(message),
    })
    this.#lines.send({ type: 'hello' })
    let hasConnected = false
    socket.on('connect', () => (hasConnected = true))
    socket.on('error', () => undefined)
    socket.on('close', () => this.#onClose(hasConnected))
  }

  observe(): Promise<RunState> {
    return Promise.resolve(this.#isUp ? 'running' : 'gone')
  }

  isGone(pid: number): Promise<boolean> {
    return Promise.resolve(this.pid !== pid)
  }

  hasEnded(pid: number): Promise<boolean> {
    return this.isGone(pid)
  }

  async isDraining(): Promise<boolean> {
    if (this.#isUp && !this.#isLeaving && (await this.#probe.saysDraining(this.url))) this.#leaves()
    return this.#isLeaving
  }

  answers(): Promise<boolean> {
    return this.#probe.answers(this.url)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#again)
    this.#socket?.destroy()
    this.#probe.close()
  }

  #onMessage(message: LabMessage): void {
    const { type, id, count } = message
    if (typeof id === 'string') this.#answers.get(`${String(type)} ${id}`)?.()
    switch (type) {
      case 'ready':
        this.#ready(message)
        break
      case 'session-count':
        this.#holds(Number(count))
        break
      case 'draining':
        this.#leaves()
        break
      case 'left':
        this.#exit = { code: 0, signal: null }
        break
      case 'visitor':
        this.#visited(message)
        break
      case 'crashes':
        this.#crashes(message)
        break
      default:
    }
  }

  #ready({ node, count }: LabMessage): void {
    const { name, url } = this
    if (node !== name) {
      this.#warn(`the lab port of node ${name} belongs to node ${String(node)}`)
      this.#socket?.destroy()
      return
    }
    const pid = ++this.#lives
    this.#isUp = true
    this.#isLeaving = false
    this.#exit = UNKNOWN_EXIT
    this.#warned = ''
    const downForMs = this.#downSinceMs === undefined ? undefined : Math.round(performance.now() - this.#downSinceMs)
    this.#options.append({ type: 'node-starting', node: name, pid, url })
    this.#options.append({ type: 'node-up', node: name, pid, ...(downForMs === undefined ? {} : { downForMs }) })
    this.#holds(Number(count))
  }

  #holds(count: number): void {
    this.#held = count
    this.#options.append({ type: 'sessions-held', held: { [this.name]: count } })
  }

  #visited(message: LabMessage): void {
    const served = visitorServed(this.#options.state(), this.name, message as Message)
    if (served !== undefined) this.#options.append(served)
  }

  #leaves(): void {
    if (!this.#isLeaving) this.#options.append({ type: 'node-draining', node: this.name })
    this.#isLeaving = true
  }

  #crashes({ event, fault, point, operation }: LabMessage): void {
    this.#exit = { code: null, signal: 'SIGKILL' }
    const detail = { fault, point, operation }
    this.#options.append({
      type: 'process-noted',
      process: `node-${this.name}`,
      event: String(event),
      warns: true,
      detail,
    })
  }

  #onClose(hasConnected: boolean): void {
    const { name: node } = this
    if (this.#isUp) {
      const pid = this.#lives
      this.#isUp = false
      this.#downSinceMs = performance.now()
      if (!this.#isClosed) this.#options.append({ type: 'node-down', node, pid, ...this.#exit, held: this.#held })
      this.#held = 0
    } else if (hasConnected) {
      this.#warn(`node ${node} ended the connection to its lab port: both need the same LAB_SECRET`)
    }
    for (const missed of this.#answers.values()) missed()
    if (!this.#isClosed) this.#again = setTimeout(() => this.connect(), CONNECT_EVERY_MS)
  }

  #warn(line: string): void {
    if (line !== this.#warned && !this.#isClosed) this.#options.warn(line)
    this.#warned = line
  }

  #order(signal: NodeJS.Signals): boolean {
    if (!this.#isUp) return false
    if (signal === 'SIGKILL') this.#exit = { code: null, signal }
    this.#lines?.send({ type: 'signal', id: `s${++this.#orders}`, signal })
    return true
  }

  #call(message: Message, answer: string, withinMs: number): Promise<boolean> {
    const key = `${answer} ${String(message['id'])}`
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(late)
        this.#answers.delete(key)
        // The end of the connection is no answer.
        resolve(this.#isUp)
      }
      const late = setTimeout(() => {
        this.#answers.delete(key)
        resolve(false)
      }, withinMs)
      if (!this.#isUp) return done()
      this.#answers.set(key, done)
      this.#lines?.send(message)
    })
  }

  async #started(): Promise<void> {
    const wait = { deadlineMs: STARTED_WITHIN_MS, everyMs: STARTED_POLL_MS, what: `node ${this.name} to be back` }
    if (await succeeds(until(() => this.#isUp, wait))) return
    const remedy = `start it where it runs, for example with: docker compose start node-${this.name}`
    throw new ApiError(504, 'NODE_NOT_BACK', `node ${this.name} did not come back by itself; ${remedy}`)
  }
}
