import { rmSync } from 'node:fs'
import path from 'node:path'
import type { ServerName } from '@ninelives/history'
import { BALANCER, edgeName, Edges, REPLICA, STORE } from '../edges/edges.ts'
import { PortInUseError, StartError } from '../errors.ts'
import { httpGet } from '../http-get.ts'
import { Power } from '../power/power.ts'
import { seededRandom } from '../random.ts'
import type { Keeper } from '../supervise/keeper.ts'
import { freePort, LOOPBACK } from '../supervise/ports.ts'
import type { Warden } from '../supervise/warden.ts'
import { loggedEvent } from '../trace/logged-event.ts'
import type { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import { type Addresses, hasEdges, hasReplica } from './addresses.ts'
import { balancerKeeper, type KeeperContext, edgesKeeper, storeKeeper, usersKeeper } from './keepers.ts'
import { monitor } from './monitor.ts'
import { ClusterNode } from './node.ts'
import type { ClusterOptions } from './options.ts'
import { type Recorded, type Specs, specs, storeDirectory, type Upstream } from './specs.ts'
import { StoreFile } from './store-on-disk.ts'
import { type StoreProcess, StoreServer } from './store-server.ts'

/** The exit code of a node or balancer whose port is taken. */
const EXIT_PORT_IN_USE = 98
const PORT_ATTEMPTS_MAX = 5
const SERVE_DEADLINE_MS = 60_000
const PROBE_TIMEOUT_MS = 1_000

/** All processes of one run. They start at once, after a private store server if there is one; at the end the users stop first. */
export class Cluster {
  readonly nodes: readonly ClusterNode[]
  readonly balancer: Keeper
  /** Absent without proxies. */
  readonly edges: Edges | undefined
  readonly store: StoreServer | undefined
  /** Absent unless it can lose its power. */
  readonly storeFile: StoreFile | undefined
  readonly users: Keeper | undefined
  readonly #usersLater: boolean
  readonly #port: number
  readonly #trace: Trace
  #balancerPort: number
  #storeDirectories: readonly string[] = []
  readonly #power: Power | undefined
  #endMonitor: (() => void) | undefined

  constructor(options: ClusterOptions, addresses: Addresses, trace: Trace, warden: Warden) {
    const { restartAfterMs, directory } = options
    const power = powerOf(options)
    this.#power = power?.power
    const spec = specs(options, addresses.storeUrlOf, power?.recorded)
    const processContext = {
      directory,
      warden,
      onLine: (label: string, line: string) => this.#appendLogged(label, line),
    }
    const context = { processContext, restartAfterMs, append: trace.append.bind(trace), state: () => trace.state }
    this.#usersLater = options.usersLater === true
    this.#port = options.port
    this.#trace = trace
    this.#balancerPort = addresses.balancerPort
    this.store = this.#storeOf(options, addresses, spec, context, power?.power)
    const version = options.programs.otherNode === undefined ? undefined : 'other'
    this.nodes = addresses.nodes.map(({ name, port }) => new ClusterNode(name, port, spec.node, context, version))
    this.storeFile = power?.recorded.nodes === undefined ? undefined : new StoreFile(this.nodes, power.power)
    this.edges = hasEdges(options) ? this.#edgesOf(addresses, spec, context) : undefined
    this.balancer = balancerKeeper(() => spec.balancer(this.#balancerPort, this.#upstreams()), context)
    this.users = options.users === 0 ? undefined : usersKeeper(() => spec.users(this.url, trace), context)
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.#balancerPort}`
  }

  /** Resolves when the shop answers through the balancer and every node gets requests. */
  async start(): Promise<void> {
    const beganMs = performance.now()
    await this.edges?.keeper.start()
    await this.store?.start()
    const moved = await Promise.all([...this.nodes.map((node) => startNode(node)), this.#startBalancer()])
    // The balancer still has the old address.
    if (moved.includes(true)) await Promise.all([this.edges?.keeper.restart(), this.balancer.restart()])
    await until(() => this.#serves(), { deadlineMs: SERVE_DEADLINE_MS, what: `the shop to answer on ${this.url}` })
    this.#trace.append({ type: 'cluster-ready', inMs: Math.round(performance.now() - beganMs) })
    this.#endMonitor = monitor(this.nodes)
    if (!this.#usersLater) await this.users?.start()
  }

  async stop(): Promise<void> {
    this.#endMonitor?.()
    // Users first, so that no user sees the other processes stop.
    await this.users?.kill()
    await Promise.all([this.balancer, ...this.nodes.map(({ keeper }) => keeper)].map((keeper) => keeper.stop()))
    await Promise.all(this.#beneath.map((keeper) => keeper.stop()))
    this.#leaveNothing()
  }

  /** Kills every process at once. */
  async kill(): Promise<void> {
    this.#endMonitor?.()
    const above = [...(this.users === undefined ? [] : [this.users]), this.balancer]
    const keepers = [...above, ...this.nodes.map(({ keeper }) => keeper), ...this.#beneath]
    await Promise.all(keepers.map((keeper) => keeper.kill()))
    this.#leaveNothing()
  }

  /** The store's servers and the edges. All must be stopped, as a keeper restarts its process otherwise. */
  get #beneath(): readonly Keeper[] {
    return [...(this.store?.keepers ?? []), ...(this.edges === undefined ? [] : [this.edges.keeper])]
  }

  #leaveNothing(): void {
    for (const node of this.nodes) node.close()
    this.#power?.close()
    for (const directory of this.#storeDirectories) rmSync(directory, { recursive: true, force: true })
  }

  #storeOf(
    options: ClusterOptions,
    { storePort, replicaPort, edges }: Addresses,
    spec: Specs,
    context: KeeperContext,
    power: Power | undefined,
  ): StoreServer | undefined {
    const { server } = options
    if (server === undefined) return undefined
    const { kind } = server
    this.#storeDirectories = ([kind.name, 'replica'] as const).map((label) => storeDirectory(options, label))
    const processOf = (label: ServerName | 'replica', port: number): StoreProcess => {
      // This edge leads to the present primary.
      const way = edges.find(({ to }) => to === REPLICA)?.port
      const processSpec = () =>
        spec.store(server, { label, port, follows: this.store?.isFollower(port) ? way : undefined })
      return { port, keeper: storeKeeper(label, processSpec, () => kind.answers(port), context) }
    }
    const leadTo = async (id: string, port: number) => (await this.edges?.pointStore(id, port)) ?? false
    const follower = hasReplica(options) ? processOf('replica', replicaPort) : undefined
    return new StoreServer(kind, leadTo, processOf(kind.name, storePort), follower, power)
  }

  /** Looked up at each start, as a node's port or the primary may have changed. */
  #edgesOf({ edges }: Addresses, spec: Specs, context: KeeperContext): Edges {
    const proxies = () =>
      edges.map((edge) => {
        const node = edge.from === BALANCER ? this.nodes.find(({ name }) => name === edge.to) : undefined
        const isStores = edge.from === STORE || edge.to === STORE
        const target = isStores ? this.store?.port : node && Number(new URL(node.url).port)
        return { name: edgeName(edge), port: edge.port, target: target ?? edge.target }
      })
    return new Edges(
      edges,
      edgesKeeper(() => spec.edges(proxies()), context),
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

  /** Copies a process' logged decision into the trace. */
  #appendLogged(label: string, line: string): void {
    const event = loggedEvent(label, line)
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

interface PowerOfStore {
  readonly power: Power
  readonly recorded: Recorded
}

/** Undefined where no loss of power is planned. */
function powerOf(options: ClusterOptions): PowerOfStore | undefined {
  const { power: isPlanned = false, server, strategy, directory, environment, seed } = options
  if (!isPlanned) return undefined
  const file = typeof strategy.store === 'object' && 'file' in strategy.store ? strategy.store.file : ''
  const files = server === undefined ? path.join(directory, file) : `${storeDirectory(options, server.kind.name)}/`
  const fullDisk = server?.kind.fullDisk
  const fullFiles = fullDisk === undefined || 'because' in fullDisk ? undefined : files + fullDisk.files
  const power = new Power({
    files,
    fullFiles,
    directory,
    searchPath: environment['PATH'] ?? '',
    random: seededRandom(seed),
  })
  return { power, recorded: server === undefined ? { nodes: power.environment } : { store: power.environment } }
}

/** Gives the node another port if its own was taken meanwhile. Resolves to whether it did. */
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
