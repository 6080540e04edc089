/**
 * Several processes on one port. This one serves nobody: it starts the workers, starts another when one dies, gives each new
 * connection to one of them (by turns, as node:cluster does), and answers operators for all. Each worker probes the nodes
 * itself, and tells the others of one that it had to eject, who then look at once; beyond that routing needs nothing shared.
 */
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { admin } from './admin.ts'
import type { BalancerAddresses } from './balancer.ts'
import type { Config } from './config.ts'
import { faultsOf } from './config-values.ts'
import type { Environment } from './config-values.ts'
import { afterChange, afterReload } from './fleet-changes.ts'
import { fleetOperations } from './fleet-operations.ts'
import { FleetWorker } from './fleet-worker.ts'
import type { WorkerStartError } from './fleet-worker.ts'
import { listen, urlOf } from './listen.ts'
import type { Change } from './operations.ts'
import { checkReload } from './reload.ts'

/** Beyond its own bound on draining, a worker is given so long to be gone. */
const STOP_GRACE_MS = 2_000
/** A worker that dies soon after its start probably will again: the next comes later each time. */
const SOON_MS = 5_000
const RESTART_MS = { first: 100, most: 5_000 }
const KEY_BYTES = 32

export class Fleet {
  readonly #log: Logger
  readonly #reread: () => Config
  readonly #workers = new Set<FleetWorker>()
  readonly #operators: Server
  /** Made up for all where none is configured, or no worker would know another's cookies. */
  readonly #affinityKey = randomBytes(KEY_BYTES).toString('base64url')
  #config: Config
  /** Chosen where it was left open, so that a worker which comes later listens where the others do. */
  #ports: Environment = {}
  #changes: readonly Change[] = []
  #restarts = 0
  #restartMs = RESTART_MS.first
  #stopping = false

  constructor(config: Config, log: Logger, reread: () => Config) {
    this.#config = config
    this.#log = log
    this.#reread = reread
    const operations = fleetOperations({
      workers: () => [...this.#workers].filter(({ isReady }) => isReady),
      restarts: () => this.#restarts,
      isReady: () => !this.#stopping,
      changed: (change) => (this.#changes = afterChange(this.#changes, change)),
      reload: () => this.reload(),
    })
    this.#operators = admin(operations, () => this.#config.adminToken)
  }

  /** Resolves when all workers serve. Rejects with WorkerStartError when the first of them can't, and then nothing is left. */
  async open(): Promise<BalancerAddresses> {
    cluster.setupPrimary({ exec: fileURLToPath(new URL('worker-main.ts', import.meta.url)), args: [] })
    this.#ports = await openPorts(this.#config)
    try {
      const { type: _type, ...addresses } = await this.#start().ready
      await Promise.all(Array.from({ length: this.#config.workers - 1 }, () => this.#start().ready))
      const { adminPort, adminHost } = this.#config
      if (adminPort === undefined) return addresses
      return { ...addresses, adminUrl: urlOf(await listen(this.#operators, adminPort, adminHost)) }
    } catch (error) {
      this.#stopping = true
      for (const worker of this.#workers) worker.kill()
      throw error
    }
  }

  /** Rejects with ConfigError, and then everything is as it was. */
  async reload(): Promise<void> {
    const before = this.#config
    try {
      const next = this.#reread()
      checkReload(before, next)
      this.#config = next
      await this.#reconfigureWorkers()
      this.#changes = afterReload(this.#changes)
      this.#log.level = next.logLevel
    } catch (error) {
      const wasSent = this.#config !== before
      this.#config = before
      // Where one worker could not, those that could go back.
      if (wasSent) await this.#reconfigureWorkers().catch(() => 'what it was before they had already')
      for (const reason of faultsOf(error)) this.#log.error({ event: 'reload-refused', reason })
      throw error
    }
  }

  async close(): Promise<void> {
    this.#stopping = true
    const workers = [...this.#workers]
    for (const worker of workers) worker.tell({ type: 'stop' })
    const timer = setTimeout(() => workers.forEach((worker) => worker.kill()), this.#config.drainMs + STOP_GRACE_MS)
    await Promise.all(workers.map(({ died }) => died))
    clearTimeout(timer)
    this.#operators.close()
    this.#operators.closeAllConnections()
  }

  async #reconfigureWorkers(): Promise<void> {
    const question = { what: 'reconfigure', environment: this.#environment() } as const
    const ready = [...this.#workers].filter(({ isReady }) => isReady)
    const asked = await Promise.allSettled(ready.map((worker) => worker.ask(question)))
    const refused = asked.find((each) => each.status === 'rejected')
    if (refused !== undefined) throw refused.reason
  }

  #start(): FleetWorker {
    const startedAtMs = performance.now()
    const worker = new FleetWorker(cluster.fork(), {
      ejected: (upstream) => this.#tellOthers(worker, upstream),
      died: () => this.#onDied(worker, performance.now() - startedAtMs),
    })
    this.#workers.add(worker)
    worker.tell({ type: 'start', environment: this.#environment(), changes: this.#changes })
    return worker
  }

  #tellOthers(one: FleetWorker, upstream: string): void {
    for (const worker of this.#workers) if (worker !== one) worker.tell({ type: 'suspect', upstream })
  }

  #onDied(worker: FleetWorker, livedMs: number): void {
    this.#workers.delete(worker)
    if (this.#stopping) return
    this.#restarts += 1
    this.#restartMs = livedMs < SOON_MS ? Math.min(RESTART_MS.most, this.#restartMs * 2) : RESTART_MS.first
    this.#log.error({ event: 'worker-died', pid: worker.pid, restartInMs: this.#restartMs })
    setTimeout(() => {
      if (this.#stopping) return
      // One that can't start ends, and is then seen as one that died.
      this.#start().ready.catch((error: WorkerStartError) => this.#log.error({ error: error.message }, 'no new worker'))
    }, this.#restartMs)
  }

  /** What a worker reads its configuration from. It has no admin port and no workers of its own. */
  #environment(): Environment {
    const { environment, affinityKeys } = this.#config
    const keys = affinityKeys === undefined ? { AFFINITY_KEYS: this.#affinityKey } : {}
    return { ...environment, ...keys, ...this.#ports, ADMIN_PORT: undefined }
  }
}

async function openPorts({ port, redirectPort, host }: Config): Promise<Environment> {
  const chosen: Record<string, string> = {}
  if (port === 0) chosen['PORT'] = await freePort(host)
  if (redirectPort === 0) chosen['REDIRECT_PORT'] = await freePort(host)
  return chosen
}

async function freePort(host: string): Promise<string> {
  const server = createServer()
  const { port } = await listen(server, 0, host)
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}
