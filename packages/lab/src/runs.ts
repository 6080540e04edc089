/**
 * The runs of one cluster, one after the other on the same port of the shop: another strategy ends the run and begins the next one.
 * Each has a trace of its own, in a directory of its own.
 */
import path from 'node:path'
import type { ClusterOptions } from './cluster/options.ts'
import { ApiError, EXIT_FAILED, LabError } from './errors.ts'
import { makeDirectory } from './make-directory.ts'
import { endRun, openRun, type Run } from './run.ts'
import type { Warden } from './supervise/warden.ts'

const CHANGING = 'a run is beginning already; ask again once it serves'

export class Runs {
  readonly #warden: Warden
  readonly #label: string
  readonly #listeners = new Set<(run: Run) => void>()
  #run: Run | undefined
  /** Where the first run's files are. */
  #home: Pick<ClusterOptions, 'run' | 'directory'> | undefined
  #count = 0
  readonly #ended = new WeakSet<Run>()
  #isClosed = false
  /** A run begins: the first one, or another. */
  #change: Promise<unknown> | undefined

  /** `label`: tells these runs' directories from those of other runs in the same place. */
  constructor(warden: Warden, label = '') {
    this.#warden = warden
    this.#label = label
  }

  /** The newest run; undefined before the first and after the last. */
  get current(): Run | undefined {
    return this.#run
  }

  /** The newest run. Rejects a request that needs one. */
  get needed(): Run {
    if (this.#run !== undefined) return this.#run
    throw new ApiError(409, 'NO_CLUSTER', 'there is no cluster yet; POST /api/strategy starts one')
  }

  /** Calls the listener with the newest run, and with each later one before its processes start. Returns what ends that. */
  follow(listener: (run: Run) => void): () => void {
    this.#listeners.add(listener)
    if (this.#run !== undefined) listener(this.#run)
    return () => this.#listeners.delete(listener)
  }

  /** Opens a run, whose processes the caller starts. */
  async open(options: ClusterOptions): Promise<Run> {
    const run = await openRun(this.#placed(options), this.#warden)
    this.#run = run
    for (const listener of this.#listeners) listener(run)
    return run
  }

  /** Starts the first run's processes. Resolves when it serves; until then no other run may begin. */
  async start(): Promise<void> {
    const { cluster } = this.needed
    // Nothing waits for it: `stop` and `kill` end its processes instead.
    this.#change = Promise.resolve()
    try {
      await cluster.start()
    } finally {
      this.#change = undefined
    }
  }

  /**
   * Ends the run and begins another one. Resolves when it serves. If it does not come up, a run with the options from before begins,
   * and the promise rejects with the reason; if that run does not come up either, with both reasons.
   */
  async change(options: ClusterOptions, reason: string): Promise<Run> {
    if (this.#change !== undefined || this.#isClosed) throw new ApiError(409, 'CHANGING', CHANGING)
    const change = this.#replace(options, reason)
    this.#change = change.catch(() => undefined)
    try {
      return await change
    } finally {
      this.#change = undefined
    }
  }

  /** Ends the run; the next `change` begins another one. */
  async end(reason: string, cutShort?: string): Promise<void> {
    if (this.#change !== undefined) throw new ApiError(409, 'CHANGING', CHANGING)
    const run = this.#run
    this.#run = undefined
    await this.#endOnce(run, reason, cutShort)
  }

  /** Ends the run, and one that is just beginning. */
  async stop(reason: string, cutShort?: string): Promise<void> {
    this.#isClosed = true
    await this.#change
    await this.#endOnce(this.#run, reason, cutShort)
  }

  /** Kills every process. */
  async kill(): Promise<void> {
    this.#isClosed = true
    await this.#run?.cluster.kill()
    this.#run?.faults.close()
    await this.#change
  }

  async #replace(options: ClusterOptions, reason: string): Promise<Run> {
    const before = this.#run
    await this.#endOnce(before, reason)
    try {
      return await this.#begin(options)
    } catch (error) {
      if (before === undefined) this.#run = undefined
      else if (!this.#isClosed) await this.#beginAgain(before, error as Error)
      throw error
    }
  }

  async #beginAgain({ options, cluster }: Run, failed: Error): Promise<void> {
    try {
      await this.#begin({ ...options, port: Number(new URL(cluster.url).port) })
    } catch (error) {
      // The run stays the newest, though it is dead: the next change takes its options for all that is not asked for.
      const both = `${failed.message}; nor did the cluster from before come up again: ${(error as Error).message}`
      throw new LabError('START_FAILED', EXIT_FAILED, both, failed)
    }
  }

  async #endOnce(run: Run | undefined, reason: string, cutShort?: string): Promise<void> {
    if (run === undefined || this.#ended.has(run)) return
    this.#ended.add(run)
    await endRun(run, reason, cutShort)
  }

  async #begin(options: ClusterOptions): Promise<Run> {
    if (this.#isClosed) throw new ApiError(409, 'STOPPING', 'the lab is stopping')
    const run = await this.open(options)
    try {
      await run.cluster.start()
      return run
    } catch (error) {
      await run.cluster.kill()
      run.faults.close()
      throw error
    }
  }

  /** The first run's directory has those of the later ones. */
  #placed(options: ClusterOptions): ClusterOptions {
    this.#home ??= { run: options.run, directory: options.directory }
    const number = ++this.#count
    if (number === 1 && this.#label === '') return options
    const { run, directory } = this.#home
    const own = path.join(directory, `${this.#label}${number}-${options.strategy.name}`)
    makeDirectory(own)
    return { ...options, run: `${run}.${this.#label}${number}`, directory: own }
  }
}
