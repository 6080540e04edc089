import type { NodeLife, ProgramVersion } from '@ninelives/history'
import type { Exit, Message } from '../supervise/child.ts'
import { Keeper, type Life } from '../supervise/keeper.ts'
import { type RunState, runState } from '../supervise/process-table.ts'
import { LOOPBACK } from '../supervise/ports.ts'
import { until } from '../wait.ts'
import type { KeeperContext } from './keepers.ts'
import type { NodeMember } from './member.ts'
import { NodeProbe } from './node-probe.ts'
import type { Specs } from './specs.ts'
import { visitorServed } from './visitors.ts'

const NOTICED_DEADLINE_MS = 10_000

/** A node of the cluster: its process, and how to look at it from outside. */
export class ClusterNode implements NodeMember {
  readonly name: string
  readonly keeper: Keeper
  /** Of the program that its next start takes; undefined in a run with one version. */
  version: ProgramVersion | undefined
  readonly #append: KeeperContext['append']
  readonly #state: KeeperContext['state']
  readonly #probe = new NodeProbe()
  #port: number
  #held = 0
  #at: Life['at'] = 'down'
  #paused = false
  #draining = false

  constructor(
    name: string,
    port: number,
    spec: Specs['node'],
    { processContext, restartAfterMs, append, state }: KeeperContext,
    version?: ProgramVersion,
  ) {
    this.name = name
    this.version = version
    this.#port = port
    this.#append = append
    this.#state = state
    this.keeper = new Keeper({
      processContext,
      restartAfterMs,
      spec: () => spec(name, this.#port, this.version),
      onLife: (life) => this.#onLife(life),
      onMessage: (message) => this.#onMessage(message),
    })
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.#port}`
  }

  get pid(): number | undefined {
    return this.keeper.pid
  }

  get life(): NodeLife {
    if (this.#at !== 'up') return this.#at
    if (this.#paused) return 'paused'
    return this.#draining ? 'draining' : 'up'
  }

  /** Only before the node was ever up: afterwards the balancer has its address. */
  moveTo(port: number): void {
    this.#port = port
  }

  /** Checks whether the process runs, and reports a change, so that a signal from elsewhere is noticed too. */
  async observe(): Promise<RunState> {
    const { pid } = this
    const seen = pid === undefined ? 'gone' : await runState(pid)
    if (seen === 'gone' || pid !== this.pid) return 'gone'
    const paused = seen === 'stopped'
    if (paused !== this.#paused) {
      this.#paused = paused
      this.#append({ type: paused ? 'node-paused' : 'node-resumed', node: this.name })
    }
    return seen
  }

  /** Whether that process of it has ended. Resolves when the keeper knows that too, which is when its last output has been read. */
  async hasEnded(pid: number): Promise<boolean> {
    if (!(await this.isGone(pid))) return false
    await until(() => this.pid !== pid, { deadlineMs: NOTICED_DEADLINE_MS, what: `the end of node ${this.name}` })
    return true
  }

  /** Whether `/readyz` says that it drains. */
  async isDraining(): Promise<boolean> {
    const draining = await this.#probe.saysDraining(this.url)
    if (draining) this.noteDraining()
    return draining
  }

  /** Called when its answers or its log show that it drains; reported once in each incarnation. */
  noteDraining(): void {
    if (this.#at === 'down') return
    if (!this.#draining) this.#append({ type: 'node-draining', node: this.name })
    this.#draining = true
  }

  /** Whether it answers at all, within a short time. */
  answers(): Promise<boolean> {
    return this.#probe.answers(this.url)
  }

  async isGone(pid: number): Promise<boolean> {
    return (await runState(pid)) === 'gone'
  }

  close(): void {
    this.#probe.close()
  }

  #onLife(life: Life): void {
    const { name: node, url } = this
    this.#at = life.at
    switch (life.at) {
      case 'starting':
        this.#append({
          type: 'node-starting',
          node,
          pid: life.pid,
          url,
          ...(this.version === undefined ? {} : { version: this.version }),
        })
        break
      case 'up':
        this.#append({
          type: 'node-up',
          node,
          pid: life.pid,
          ...(life.downForMs === undefined ? {} : { downForMs: Math.round(life.downForMs) }),
        })
        break
      case 'down':
        this.#onDown(life.pid, life.exit)
        break
      default:
        life satisfies never
    }
  }

  /** A node of ours tells how many sessions are in its memory, and which browser it answered. */
  #onMessage(message: Message): void {
    const { type, count } = message
    if (type === 'session-count' && typeof count === 'number') {
      this.#held = count
      this.#append({ type: 'sessions-held', held: { [this.name]: count } })
    }
    const served = type === 'visitor' ? visitorServed(this.#state(), this.name, message) : undefined
    if (served !== undefined) this.#append(served)
  }

  #onDown(pid: number, exit: Exit): void {
    const held = this.#held
    this.#held = 0
    this.#paused = false
    this.#draining = false
    this.#append({ type: 'node-down', node: this.name, pid, ...exit, held })
  }
}
