import { BALANCER, edgeName, Edges, REPLICA, STORE } from '../edges/edges.ts'
import { PortInUseError, StartError } from '../errors.ts'
import { httpGet } from '../http-get.ts'
import type { Keeper } from '../supervise/keeper.ts'
import { freePort, LOOPBACK } from '../supervise/ports.ts'
import type { Warden } from '../supervise/warden.ts'
import { liftEvent } from '../trace/lift.ts'
import type { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import { type Addresses, hasEdges } from './addresses.ts'
import { balancerKeeper, type Beside, edgesKeeper, redisKeeper, usersKeeper } from './keepers.ts'
import { monitor } from './monitor.ts'
import { ClusterNode } from './node.ts'
import type { ClusterOptions } from './options.ts'
import { type Specs, specs, type Upstream } from './specs.ts'
import { type RedisServer, StoreServer } from './store-server.ts'

/** What a node or a balancer exits with when its port is taken. */
const EXIT_PORT_IN_USE = 98
const PORT_ATTEMPTS_MAX = 5
const SERVE_DEADLINE_MS = 15_000
const PROBE_TIMEOUT_MS = 1_000

/** All processes of one run: started all at once but for a Redis, which the nodes need, and stopped from the users on. */
export class Cluster {
  readonly nodes: readonly ClusterNode[]
  readonly balancer: Keeper
  /** Absent without proxies on them. */
  readonly edges: Edges | undefined
  readonly store: StoreServer | undefined
  readonly users: Keeper | undefined
  readonly #usersLater: boolean
  readonly #port: number
  readonly #trace: Trace
  #balancerPort: number
  #endMonitor: (() => void) | undefined

  constructor(options: ClusterOptions, addresses: Addresses, trace: Trace, warden: Warden) {
    const { restartAfterMs, redisServer, directory } = options
    const spec = specs(options, addresses.storeUrlOf)
    const household = { directory, warden, onLine: (label: string, line: string) => this.#lift(label, line) }
    const beside = { household, restartAfterMs, append: trace.append.bind(trace) }
    this.#usersLater = options.usersLater === true
    this.#port = options.port
    this.#trace = trace
    this.#balancerPort = addresses.balancerPort
    this.store = redisServer === undefined ? undefined : this.#storeOf(options, redisServer, addresses, spec, beside)
    this.nodes = addresses.nodes.map(({ name, port }) => new ClusterNode(name, port, spec.node, beside))
    this.edges = hasEdges(options) ? this.#edgesOf(addresses, spec, beside) : undefined
    this.balancer = balancerKeeper(() => spec.balancer(this.#balancerPort, this.#upstreams()), beside)
    this.users = options.users === 0 ? undefined : usersKeeper(() => spec.users(this.url, trace), beside)
  }

  get redis(): Keeper | undefined {
    return this.store?.keeper
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.#balancerPort}`
  }

  /** Resolves once the shop answers through the balancer, and every node takes its part. */
  async start(): Promise<void> {
    const beganMs = performance.now()
    await this.edges?.keeper.start()
    await this.store?.start()
    const moved = await Promise.all([...this.nodes.map((node) => startNode(node)), this.#startBalancer()])
    // The balancer was told of an address that is now another's.
    if (moved.includes(true)) await Promise.all([this.edges?.keeper.restart(), this.balancer.restart()])
    await until(() => this.#serves(), { deadlineMs: SERVE_DEADLINE_MS, what: `the shop to answer on ${this.url}` })
    this.#trace.append({ type: 'cluster-ready', inMs: Math.round(performance.now() - beganMs) })
    this.#endMonitor = monitor(this.nodes, this.#trace)
    if (!this.#usersLater) await this.users?.start()
  }

  async stop(): Promise<void> {
    this.#endMonitor?.()
    // Users first, so that nobody sees the others go.
    await this.users?.kill()
    await Promise.all([this.balancer, ...this.nodes.map(({ keeper }) => keeper)].map((keeper) => keeper.stop()))
    await Promise.all(this.#beneath.map((keeper) => keeper.stop()))
    for (const node of this.nodes) node.close()
  }

  /** Without asking anybody. */
  async kill(): Promise<void> {
    this.#endMonitor?.()
    const above = [...(this.users === undefined ? [] : [this.users]), this.balancer]
    const keepers = [...above, ...this.nodes.map(({ keeper }) => keeper), ...this.#beneath]
    await Promise.all(keepers.map((keeper) => keeper.kill()))
    for (const node of this.nodes) node.close()
  }

  /** What the nodes stand on. Each of them: one that is left out is started again when nobody is there to end it. */
  get #beneath(): readonly Keeper[] {
    return [...(this.store?.keepers ?? []), ...(this.edges === undefined ? [] : [this.edges.keeper])]
  }

  #storeOf(
    { replica = false }: ClusterOptions,
    program: string,
    { redisPort, replicaPort, edges }: Addresses,
    spec: Specs,
    beside: Beside,
  ): StoreServer {
    const server = (label: 'redis' | 'replica', port: number): RedisServer => {
      // The way there leads to whichever is the primary.
      const way = edges.find(({ to }) => to === REPLICA)?.port
      const told = () => spec.redis({ program, label, port, follows: this.store?.isFollower(port) ? way : undefined })
      return { port, keeper: redisKeeper(label, told, port, beside) }
    }
    const leadTo = async (id: string, port: number) => (await this.edges?.pointStore(id, port)) ?? false
    return new StoreServer(leadTo, server('redis', redisPort), replica ? server('replica', replicaPort) : undefined)
  }

  /** A node may have moved by the time it is up, and the store may be another. */
  #edgesOf({ edges }: Addresses, spec: Specs, beside: Beside): Edges {
    const told = () =>
      edges.map((edge) => {
        const node = edge.from === BALANCER ? this.nodes.find(({ name }) => name === edge.to) : undefined
        const isStores = edge.from === STORE || edge.to === STORE
        const target = isStores ? this.store?.port : node && Number(new URL(node.url).port)
        return { name: edgeName(edge), port: edge.port, target: target ?? edge.target }
      })
    return new Edges(
      edges,
      edgesKeeper(() => spec.edges(told()), beside),
    )
  }

  #upstreams(): readonly Upstream[] {
    return this.nodes.map(({ name, url }) => {
      const edge = this.edges?.all.find(({ from, to }) => from === BALANCER && to === name)
      return { name, url: edge === undefined ? url : `http://${LOOPBACK}:${edge.port}` }
    })
  }

  async #startBalancer(): Promise<false> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.balancer.start()
        return false
      } catch (error) {
        if (!isPortTaken(error)) throw error
        if (this.#port !== 0 || attempt === PORT_ATTEMPTS_MAX) throw new PortInUseError('the shop', this.#balancerPort)
        this.#balancerPort = await freePort()
      }
    }
  }

  /** What a process decided is part of what happened to the cluster. */
  #lift(label: string, line: string): void {
    const event = liftEvent(label, line)
    if (event === undefined) return
    if (event.type === 'node-draining') this.nodes.find(({ name }) => name === event.node)?.noteDraining()
    else this.#trace.append(event)
  }

  async #serves(): Promise<boolean> {
    if (this.#trace.state.nodes.some(({ ejected }) => ejected)) return false
    const answer = await httpGet(`${this.url}/healthz`, { timeoutMs: PROBE_TIMEOUT_MS })
    return answer?.status === 200
  }
}

/** Its port was free a moment ago; where somebody was faster, it gets another. Resolves whether it did. */
async function startNode(node: ClusterNode): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await node.keeper.start()
      return attempt > 1
    } catch (error) {
      if (!isPortTaken(error) || attempt === PORT_ATTEMPTS_MAX) throw error
      node.moveTo(await freePort())
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof StartError && error.childExitCode === EXIT_PORT_IN_USE
}
