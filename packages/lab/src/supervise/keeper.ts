import { withoutPassword } from '../config.ts'
import { StartError } from '../errors.ts'
import { settles, succeeds } from '../wait.ts'
import { Child, type ChildSpec, type Exit, type ProcessContext, type Message } from './child.ts'

export type Life =
  | { readonly at: 'starting'; readonly pid: number }
  | {
      readonly at: 'up'
      readonly pid: number
      readonly url: string | undefined
      readonly downForMs: number | undefined
    }
  | { readonly at: 'down'; readonly pid: number; readonly exit: Exit }

export interface KeeperOptions {
  readonly processContext: ProcessContext
  /** Called before each start, so that arguments can follow changes of the cluster. */
  readonly spec: () => ChildSpec
  /** Undefined: a process that died is not restarted. */
  readonly restartAfterMs: number | undefined
  /** Resolves when the process can be used. By default the process sends the message `ready`. */
  readonly ready?: () => Promise<void>
  readonly onLife: (life: Life) => void
  readonly onMessage?: (message: Message) => void
}

const START_DEADLINE_MS = 60_000
/** The backoff after a process died before it was ready; it doubles each time. */
const BACKOFF_MS = 500
const BACKOFF_MAX_MS = 30_000
/** The second request means to end at once; after it a process is killed. */
const SECOND_TERM_AFTER_MS = 50
const TERM_WAIT_MS = 1_500
const KILL_WAIT_MS = 5_000

/**
 * Keeps one process alive: starts it, notices its death whatever the cause, and restarts it after a while. If the first start
 * fails, `start` rejects with the reason, and nothing is retried.
 */
export class Keeper {
  readonly #options: KeeperOptions
  #child: Child | undefined
  #restart: NodeJS.Timeout | undefined
  #starting: Promise<void> | undefined
  #failedStarts = 0
  #wasUp = false
  #stopped = false
  #downSinceMs: number | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when the process is ready; rejects with StartError if it ended first or took too long. */
  start(): Promise<void> {
    if (this.#child !== undefined && this.#starting === undefined) return Promise.resolve()
    clearTimeout(this.#restart)
    this.#starting ??= this.#startNow().finally(() => (this.#starting = undefined))
    return this.#starting
  }

  /** Restarts the process at once, so that it gets new arguments. */
  async restart(): Promise<void> {
    const child = this.#child
    child?.signal('SIGKILL')
    await child?.exited
    await this.start()
  }

  /** False if there is no process. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child?.signal(signal) ?? false
  }

  /** Whether the process answered in time with a message of the type `answer` and the same `id`. */
  async call(message: Message, answer: string, withinMs: number): Promise<boolean> {
    return (await this.#child?.call(message, answer, withinMs)) ?? false
  }

  /** Ends the process for good: asks twice, then kills it. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (child === undefined) return
    child.signal('SIGCONT')
    for (const waitMs of [SECOND_TERM_AFTER_MS, TERM_WAIT_MS]) {
      child.signal('SIGTERM')
      if (await settles(child.exited, waitMs)) return
    }
    await this.kill()
  }

  /** Kills the process for good. */
  async kill(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#restart)
    const child = this.#child
    child?.signal('SIGKILL')
    if (child !== undefined) await settles(child.exited, KILL_WAIT_MS)
  }

  async #startNow(): Promise<void> {
    const { spec, processContext, onLife, onMessage } = this.#options
    const what = spec()
    if (this.#stopped) throw new StartError(what.label, 'the lab is stopping')
    const child = this.#spawn(what, processContext)
    let stage: 'starting' | 'up' | 'over' = 'starting'
    const up = (url: string | undefined): void => {
      if (stage !== 'starting') return
      stage = 'up'
      onLife({ at: 'up', pid: child.pid, url, downForMs: this.#cameUp() })
    }
    const ready = this.#readiness(child, up)
    if (onMessage) child.onMessage(onMessage)
    onLife({ at: 'starting', pid: child.pid })

    const over = (): boolean => {
      const wasUp = stage === 'up'
      stage = 'over'
      return wasUp
    }
    const exit = child.exited.then((exit) => this.#ended(child, exit, over()))
    const first = await Promise.race([ready, exit, deadline(START_DEADLINE_MS)])
    if (first === 'up') return
    if (first === 'late') {
      over()
      child.signal('SIGKILL')
    }
    throw await whyNot(what.label, child, await exit)
  }

  #spawn(what: ChildSpec, processContext: ProcessContext): Child {
    try {
      this.#child = new Child(what, processContext)
      return this.#child
    } catch (error) {
      this.#failedStarts++
      this.#scheduleRestart()
      throw error
    }
  }

  /** Synchronous in the handler of `ready`, as the next message may follow at once and must find the process up. */
  async #readiness(child: Child, up: (url: string | undefined) => void): Promise<'up' | 'late'> {
    const { ready } = this.#options
    if (ready === undefined) {
      return new Promise((resolve) =>
        child.onMessage(({ type, url }) => {
          if (type !== 'ready') return
          up(typeof url === 'string' ? url : undefined)
          resolve('up')
        }),
      )
    }
    if (!(await succeeds(ready()))) return 'late'
    up(undefined)
    return 'up'
  }

  /** How long it was down; absent at the first start. */
  #cameUp(): number | undefined {
    const downForMs = this.#wasUp && this.#downSinceMs !== undefined ? performance.now() - this.#downSinceMs : undefined
    this.#wasUp = true
    this.#failedStarts = 0
    this.#downSinceMs = undefined
    return downForMs
  }

  #ended(child: Child, exit: Exit, wasUp: boolean): Exit {
    if (!wasUp) this.#failedStarts++
    this.#child = undefined
    this.#downSinceMs ??= performance.now()
    this.#options.onLife({ at: 'down', pid: child.pid, exit })
    this.#scheduleRestart()
    return exit
  }

  #scheduleRestart(): void {
    const { restartAfterMs } = this.#options
    if (this.#stopped || !this.#wasUp || restartAfterMs === undefined) return
    const backoffMs = this.#failedStarts === 0 ? 0 : BACKOFF_MS * 2 ** (this.#failedStarts - 1)
    const waitMs = Math.max(restartAfterMs, Math.min(backoffMs, BACKOFF_MAX_MS))
    // A failed restart is reported as a life event, and the next one is scheduled.
    this.#restart = setTimeout(() => void this.start().catch(() => undefined), waitMs)
  }
}

function deadline(ms: number): Promise<'late'> {
  return new Promise((resolve) => setTimeout(() => resolve('late'), ms).unref())
}

async function whyNot(label: string, child: Child, exit: Exit): Promise<StartError> {
  const words = withoutPassword(await child.lastWords())
  const end = exit.signal === null ? `exited with ${exit.code}` : `was ended by ${exit.signal}`
  return new StartError(label, words === '' ? `${end} before it was ready` : words, exit.code)
}
