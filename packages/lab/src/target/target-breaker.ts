/** Breaks the user's own system with the user's commands, and observes the effect from outside. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlineError, EXIT_BAD_INPUT, EXIT_FAILED, LabError } from '../errors.ts'
import type { Breaker } from '../campaign/campaign.ts'
import { httpGet } from '../http-get.ts'
import type { Trace } from '../trace/trace.ts'
import type { NodeAddress } from '../users/load.ts'
import { settles, succeeds, until } from '../wait.ts'
import type { Shell } from './shell.ts'

export interface Commands {
  /** The command of each kind of fault. */
  readonly faults: ReadonlyMap<string, string>
  /** The command that heals every kind. Without it the system must recover by itself. */
  readonly start: string | undefined
}

export interface TargetBreakerOptions {
  readonly target: URL
  /** Empty if --nodes-url is not given. */
  readonly nodes: readonly NodeAddress[]
  readonly commands: Commands
  readonly shell: Shell
  readonly trace: Trace
  /** Called with what is still broken at the end. */
  readonly warn: (line: string) => void
}

interface Broken {
  readonly number: number
  readonly kind: string
  readonly node: NodeAddress | undefined
  readonly what: string
  /** Absent before the first attempt, and after an attempt that failed. */
  mending?: Promise<void> | undefined
}

/** Kinds whose node does not answer, which can be observed. For the others only the command's exit code counts. */
const SILENCING = 'kill'
/** How long a node stays down before it is started again. */
const AWAY_MS = 700
const SILENT_DEADLINE_MS = 3_000
const PROBE_TIMEOUT_MS = 500
/** A slow answer counts as one: users wait that long. */
const SLOW_ANSWER_MS = 5_000
const PROBE_EVERY_MS = 10
const WHOLE_DEADLINE_MS = 30_000
const HEAL_WAIT_MS = 5_000

export class TargetBreaker implements Breaker {
  readonly #options: TargetBreakerOptions
  readonly #leaving = new AbortController()
  readonly #servedAtMs = new Map<string, number>()
  #broken: Broken | undefined
  #number = 0

  constructor(options: TargetBreakerOptions) {
    this.#options = options
    options.trace.listen((event) => {
      if (event.type === 'operation-ended' && event.node !== undefined)
        this.#servedAtMs.set(event.node, event.endedAtMs)
    })
  }

  async once(kind: string, random: () => number): Promise<string> {
    const { nodes, commands, shell, trace } = this.#options
    const node = nodes[Math.floor(random() * nodes.length)]
    const number = ++this.#number
    const what = node === undefined ? kind : `${kind} of ${node.name}`
    const broken: Broken = { number, kind, node, what }
    this.#broken = broken
    trace.append({ type: 'fault-injected', fault: `f${number}`, kind, target: node?.name ?? 'one of them' })
    const silence = node !== undefined && kind === SILENCING ? watchSilence(node) : undefined
    const failure = await shell.run(commands.faults.get(kind) ?? '', variablesOf(broken), this.#leaving.signal)
    const missed = failure ?? (await silence?.missed())
    silence?.end()
    if (missed === undefined) {
      trace.append({ type: 'fault-confirmed', fault: `f${number}` })
      // No other event reports a node that the lab did not start.
      trace.append({ type: 'process-noted', process: 'command', event: `${what} has landed`, warns: true, detail: {} })
      await sleep(AWAY_MS)
    } else {
      trace.append({ type: 'fault-failed', fault: `f${number}`, reason: missed })
    }
    // A fault that did not land may have broken something nevertheless.
    if (missed === undefined || node === undefined || !(await answers(node))) await this.#mend(broken)
    return missed === undefined ? what : `${what} (it did not land: ${missed})`
  }

  async whole(signal: AbortSignal): Promise<void> {
    const { node, number } = this.#broken ?? {}
    const sinceMs = this.#options.trace.state.atMs
    const isWhole = async (): Promise<boolean> => {
      if (signal.aborted) return true
      return node === undefined
        ? this.#targetAnswers()
        : (await answers(node, SLOW_ANSWER_MS)) && this.#servesAgain(node, sinceMs)
    }
    const where = node === undefined ? `${this.#options.target.origin} to answer` : `node ${node.name} to take part`
    try {
      await until(isWhole, { deadlineMs: WHOLE_DEADLINE_MS, what: `${where} again after fault f${number ?? 0}` })
    } catch (error) {
      // It was not healed, so the end tries again.
      if (this.#broken !== undefined) this.#broken.mending = undefined
      throw error
    }
    if (!signal.aborted) this.#markOver()
  }

  /**
   * Heals everything that is broken, also what could not be healed before, and reports what stays broken. For the end of a run,
   * which may come at any time.
   */
  async heal(): Promise<void> {
    this.#leaving.abort()
    const broken = this.#broken
    if (broken === undefined) return
    let problem: string | undefined = `it did not answer again within ${HEAL_WAIT_MS / 1_000} s`
    const mending = this.#mendAtLast(broken).then(
      () => (problem = undefined),
      (error: unknown) => {
        // Its own deadline may be over a moment before the one here.
        if (!(error instanceof DeadlineError)) problem = (error as Error).message
      },
    )
    await settles(mending, HEAL_WAIT_MS)
    // Two callers may have waited for it.
    if (this.#broken === broken) this.#markOver(problem)
  }

  /** Starts nodes that do not answer, for example after an earlier run was killed. */
  async startSilent(say: (line: string) => void): Promise<void> {
    for (const node of this.#options.nodes) {
      if (await answers(node)) continue
      if (this.#options.commands.start === undefined) throw silent(node)
      await this.#start({ number: 0, kind: 'start', node, what: `start of ${node.name}` })
      await until(() => answers(node), { deadlineMs: WHOLE_DEADLINE_MS, what: `an answer of ${healthUrl(node)}` })
      say(`  ok  node ${node.name} did not answer, and was started`)
    }
  }

  async #mend(broken: Broken): Promise<void> {
    broken.mending ??= this.#start(broken)
    try {
      await broken.mending
    } catch (error) {
      broken.mending = undefined
      throw error
    }
  }

  /** Resolves when it answers. */
  async #mendAtLast(broken: Broken): Promise<void> {
    await this.#mend(broken)
    const { node } = broken
    const isBack = (): Promise<boolean> => (node === undefined ? this.#targetAnswers() : answers(node))
    await until(isBack, { deadlineMs: HEAL_WAIT_MS, what: 'an answer' })
  }

  async #start(broken: Broken): Promise<void> {
    const { commands, shell } = this.#options
    if (commands.start === undefined) return
    const failure = await shell.run(commands.start, variablesOf(broken))
    if (failure === undefined) return
    throw new LabError('NOT_STARTED', EXIT_FAILED, `--start-command failed (${broken.what}): ${failure}`)
  }

  async #targetAnswers(): Promise<boolean> {
    const answer = await httpGet(new URL('/api/session', this.#options.target).href, { timeoutMs: SLOW_ANSWER_MS })
    return answer?.status === 200
  }

  /** If answers name their node, this node must answer users; otherwise it must answer at its own URL. */
  #servesAgain({ name }: NodeAddress, sinceMs: number): boolean {
    const servedAtMs = this.#servedAtMs.get(name)
    return servedAtMs === undefined || servedAtMs > sinceMs
  }

  /** `problem` says why it is still broken. */
  #markOver(problem?: string): void {
    const { trace, warn } = this.#options
    const { number, what } = this.#broken ?? {}
    if (number === undefined) return
    this.#broken = undefined
    if (problem !== undefined) warn(`${what} may be left broken: ${problem}`)
    const fault = `f${number}`
    if (!trace.state.faults.some(({ id }) => id === fault)) return
    if (problem === undefined) trace.append({ type: 'fault-healed', fault })
    else trace.append({ type: 'fault-failed', fault, reason: `not healed: ${problem}` })
  }
}

function variablesOf({ number, kind, node }: Broken): { fault: number; kind: string; target?: string } {
  return { fault: number, kind, ...(node === undefined ? {} : { target: node.name }) }
}

function silent(node: NodeAddress): LabError {
  const asked = `asked GET ${healthUrl(node)}, and no 200 came back`
  return new LabError('NODE_SILENT', EXIT_BAD_INPUT, `node ${node.name} of --nodes-url does not answer: ${asked}`)
}

function healthUrl({ url }: NodeAddress): string {
  return new URL('/healthz', url).href
}

async function answers(node: NodeAddress, timeoutMs = PROBE_TIMEOUT_MS): Promise<boolean> {
  return (await httpGet(healthUrl(node), { timeoutMs }))?.status === 200
}

/** Watches from before the command on, so that a node that is back within a moment is seen to have been down. */
function watchSilence(node: NodeAddress): { missed: () => Promise<string | undefined>; end: () => void } {
  const over = new AbortController()
  let isSilent = false
  const looking = async (): Promise<void> => {
    while (!isSilent && !over.signal.aborted) {
      isSilent = !(await answers(node))
      await sleep(PROBE_EVERY_MS)
    }
  }
  void looking()
  return {
    async missed() {
      const wait = { deadlineMs: SILENT_DEADLINE_MS, what: `${healthUrl(node)} to fall silent` }
      const isSeen = await succeeds(until(() => isSilent, wait))
      return isSeen ? undefined : `GET ${healthUrl(node)} went on answering`
    },
    end: () => over.abort(),
  }
}
