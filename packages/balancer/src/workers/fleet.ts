/**
 * Several processes on one port. The parent serves no clients: it decides on upstreams and settings, starts the workers and replaces dead
 * ones, hands each connection to one of them, and answers operators for all. Each worker probes the nodes itself. When it ejects one it
 * tells the others, which then probe that node at once.
 */
import { fork } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import type { Server } from 'node:http'
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { admin } from '../admin/admin.ts'
import type { BalancerAddresses } from '../balancer.ts'
import { readCertificate } from '../tls/certificates.ts'
import type { CertificateError } from '../tls/certificates.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-values.ts'
import type { Environment } from '../config/config-values.ts'
import { ConnectionKeeper } from './connection-keeper.ts'
import { ConnectionMarks } from './connection-marks.ts'
import { decisions } from '../telemetry/decisions.ts'
import type { Snapshot } from '../upstreams/desired-state.ts'
import { Directory } from '../upstreams/directory.ts'
import { fleetOperations } from './fleet-operations.ts'
import { FleetWorker, WorkerFaultError } from './fleet-worker.ts'
import type { WorkerStartError } from './fleet-worker.ts'
import { Followers } from '../upstreams/followers.ts'
import type { Update } from '../upstreams/followers.ts'
import { listen, urlOf } from '../clients/listen.ts'
import { certificateFault, checkReload, Reloads } from '../admin/reload.ts'
import { systemResolve } from '../upstreams/resolver.ts'

/** How long a worker may take to exit after its own bound on draining. */
const STOP_GRACE_MS = 2_000
/** The backoff for workers that die soon after their start. */
const SOON_MS = 5_000
const RESTART_MS = { first: 100, most: 5_000 }
const KEY_BYTES = 32

export class Fleet {
  readonly #log: Logger
  readonly #reread: () => Config
  readonly #directory: Directory
  readonly #followers: Followers<FleetWorker>
  readonly #marks = ConnectionMarks.create()
  readonly #keeper: ConnectionKeeper<FleetWorker>
  readonly #workers = new Set<FleetWorker>()
  readonly #reloads: Reloads
  readonly #operators: Server
  /** Random where none is configured, and the same for all, so that workers accept each other's cookies. */
  readonly #affinityKey = randomBytes(KEY_BYTES).toString('base64url')
  #config: Config
  /** How often the settings were read. */
  #settings = 0
  /** That this process listens on, for workers to know. */
  #ports: Environment = {}
  #restarts = 0
  #restartMs = RESTART_MS.first
  #stopping = false

  constructor(config: Config, log: Logger, reread: () => Config) {
    this.#config = config
    this.#log = log
    this.#reread = reread
    const publish = (snapshot: Snapshot) => this.#followers.publish(this.#update(snapshot))
    this.#directory = new Directory({ config: () => this.#config, resolve: systemResolve, log, publish })
    this.#followers = new Followers({
      departed: (url, since) => this.#directory.departed(url, since),
      failed: (worker, error) => this.#onNotApplied(worker, error),
    })
    const own = decisions()
    const operations = fleetOperations({
      workers: () => [...this.#workers].filter(({ isReady }) => isReady),
      restarts: () => this.#restarts,
      isReady: () => this.#isReady(),
      directory: this.#directory,
      decisions: own,
      reload: () => this.reload(),
    })
    this.#keeper = new ConnectionKeeper({
      marks: this.#marks,
      connectionsMax: connectionsMax(config),
      refused: () => operations.refusedConnection('total'),
      log,
    })
    const counted = operations.reloaded.bind(operations)
    this.#reloads = new Reloads(() => this.#reload(), { log, decisions: own, counted })
    this.#operators = admin(operations, () => this.#config.adminToken)
  }

  /** Resolves when all workers serve. Rejects with WorkerStartError when the first of them can't, and then nothing is left. */
  async open(): Promise<BalancerAddresses> {
    try {
      const addresses = await this.#listen()
      await this.#directory.open()
      await this.#start()
      await Promise.all(Array.from({ length: this.#config.workers - 1 }, () => this.#start()))
      const { adminPort, adminHost } = this.#config
      if (adminPort === undefined) return addresses
      return { ...addresses, adminUrl: urlOf(await listen(this.#operators, adminPort, adminHost)) }
    } catch (error) {
      this.#stopping = true
      this.#directory.close()
      this.#keeper.close()
      for (const worker of this.#workers) worker.kill()
      throw error
    }
  }

  /** Rejects with ConfigError, and then everything is as it was. */
  reload(): Promise<void> {
    return this.#reloads.run()
  }

  async close(): Promise<void> {
    this.#stopping = true
    this.#directory.close()
    this.#keeper.stop()
    const workers = [...this.#workers]
    for (const worker of workers) worker.tell({ type: 'stop' })
    const timer = setTimeout(() => workers.forEach((worker) => worker.kill()), this.#config.drainMs + STOP_GRACE_MS)
    await Promise.all(workers.map(({ died }) => died))
    clearTimeout(timer)
    this.#keeper.close()
    this.#marks.close()
    this.#operators.close()
    this.#operators.closeAllConnections()
  }

  async #reload(): Promise<void> {
    const next = this.#reread()
    checkReload(this.#config, next)
    const prepared = await this.#directory.prepare(next)
    if (next.tls !== undefined) {
      await readCertificate(next.tls).catch((error: CertificateError) => {
        throw new ConfigError([certificateFault(error)])
      })
    }
    // From here on nothing waits: what is checked now is what takes effect.
    prepared.check()
    this.#config = next
    this.#log.level = next.logLevel
    this.#settings += 1
    this.#keeper.limit(connectionsMax(next))
    await prepared.commit()
  }

  #isReady(): boolean {
    const serves = [...this.#workers].some(({ isReady }) => isReady)
    return !this.#stopping && serves && this.#directory.snapshot.upstreams.length > 0
  }

  /** A worker that reports that it can't apply an update is replaced by one that starts with it. A slow one has it in its queue. */
  #onNotApplied(worker: FleetWorker, error: Error): void {
    this.#log.error({ event: 'worker-behind', pid: worker.pid, reason: error.message })
    if (error instanceof WorkerFaultError) worker.kill()
  }

  #update(snapshot: Snapshot): Update {
    return { snapshot, settings: { number: this.#settings, environment: this.#environment() } }
  }

  async #listen(): Promise<BalancerAddresses> {
    const { host, port, redirectPort, tls } = this.#config
    const address = await this.#keeper.listen('clients', port, host)
    const url = urlOf(address, tls === undefined ? 'http' : 'https')
    this.#ports = { PORT: String(address.port) }
    if (redirectPort === undefined) return { url }
    const redirectAddress = await this.#keeper.listen('redirect', redirectPort, host)
    this.#ports = { ...this.#ports, REDIRECT_PORT: String(redirectAddress.port) }
    return { url, redirectUrl: urlOf(redirectAddress) }
  }

  /** Resolves when it serves. Rejects with WorkerStartError. */
  async #start(): Promise<void> {
    const startedAtMs = performance.now()
    // The index of the last entry is its descriptor in the worker.
    const stdio: StdioOptions = ['inherit', 'inherit', 'inherit', 'ipc', this.#marks.descriptor]
    const child = fork(new URL('worker-main.ts', import.meta.url), { stdio })
    const worker: FleetWorker = new FleetWorker(child, {
      ejected: (url) => this.#tellOthers(worker, url),
      departed: (url, since) => this.#followers.departed(worker, url, since),
      connections: (took, closed) => {
        this.#keeper.took(worker, took)
        this.#keeper.closed(worker, closed)
      },
      died: () => this.#onDied(worker, performance.now() - startedAtMs),
    })
    this.#workers.add(worker)
    this.#followers.join(worker)
    worker.tell({ type: 'start', update: this.#update(this.#directory.snapshot) })
    await worker.ready
    this.#keeper.join(worker)
  }

  #tellOthers(one: FleetWorker, url: string): void {
    for (const worker of this.#workers) if (worker !== one) worker.tell({ type: 'suspect', url })
  }

  #onDied(worker: FleetWorker, livedMs: number): void {
    this.#workers.delete(worker)
    this.#followers.leave(worker)
    this.#keeper.leave(worker)
    if (this.#stopping) return
    this.#restarts += 1
    this.#restartMs = livedMs < SOON_MS ? Math.min(RESTART_MS.most, this.#restartMs * 2) : RESTART_MS.first
    this.#log.error({ event: 'worker-died', pid: worker.pid, restartInMs: this.#restartMs })
    setTimeout(() => {
      if (this.#stopping) return
      // A worker that can't start exits, and counts as dead.
      this.#start().catch((error: WorkerStartError) => this.#log.error({ error: error.message }, 'no new worker'))
    }, this.#restartMs)
  }

  /** What a worker reads its configuration from. It has no admin port and no workers of its own. */
  #environment(): Environment {
    const { environment, affinityKeys } = this.#config
    const keys = affinityKeys === undefined ? { AFFINITY_KEYS: this.#affinityKey } : {}
    return { ...environment, ...keys, ...this.#ports, ADMIN_PORT: undefined }
  }
}

/** Of each listener: as many as all workers together may have. */
function connectionsMax({ clientConnectionsMax, workers }: Config): number {
  return clientConnectionsMax * workers
}
