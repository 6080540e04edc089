/** Breaks a system of the user's own by the user's own commands, and sees from outside what came of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT_BAD_INPUT, EXIT_FAILED, LabError } from '../errors.ts'
import type { Breaker } from '../campaign/campaign.ts'
import { httpGet } from '../http-get.ts'
import type { Trace } from '../trace/trace.ts'
import type { NodeAddress } from '../users/load.ts'
import { settles, succeeds, until } from '../wait.ts'
import type { Shell } from './shell.ts'

export interface Commands {
  /** By the kind of fault. */
  readonly faults: ReadonlyMap<string, string>
  /** What mends any of them. Without it the system does so by itself. */
  readonly start: string | undefined
}

export interface TargetBreakerOptions {
  readonly target: URL
  /** Empty where nobody knows them. */
  readonly nodes: readonly NodeAddress[]
  readonly commands: Commands
  readonly shell: Shell
  readonly trace: Trace
  /** Told what stays broken when everything ends. */
  readonly warn: (line: string) => void
}

interface Broken {
  readonly number: number
  readonly kind: string
  readonly node: NodeAddress | undefined
  readonly what: string
  /** Absent before it was tried, and again once it is known that it failed. */
  mending?: Promise<void> | undefined
}

/** Of these it is known that a node that suffers them answers nothing; of others, only their command can tell. */
const SILENCING = 'kill'
/** How long a node is away before it is started again. */
const AWAY_MS = 700
const SILENT_DEADLINE_MS = 3_000
const PROBE_TIMEOUT_MS = 500
/** What is slow is back all the same: users wait that long. */
const SLOW_ANSWER_MS = 5_000
const PROBE_EVERY_MS = 10
const WHOLE_DEADLINE_MS = 30_000
const HEAL_WAIT_MS = 5_000

export class TargetBreaker implements Breaker {
  readonly #options: TargetBreakerOptions
  readonly #leaving = new AbortController()
  /** When each node last answered a user. */
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
      // Of a node that is not the lab's no other event tells.
      trace.append({ type: 'process-noted', process: 'command', event: `${what} has landed`, warns: true, detail: {} })
      await sleep(AWAY_MS)
    } else {
      trace.append({ type: 'fault-failed', fault: `f${number}`, reason: missed })
    }
    // What did not land as it should may have broken something all the same.
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
      // What was done to mend it was not enough, and the end does it again.
      if (this.#broken !== undefined) this.#broken.mending = undefined
      throw error
    }
    if (!signal.aborted) this.#markOver()
  }

  /**
   * Mends what is broken, whatever else is under way, and tells what stays so. For the end, which may come at any time:
   * what was mended in vain before gets another chance.
   */
  async heal(): Promise<void> {
    this.#leaving.abort()
    const broken = this.#broken
    if (broken === undefined) return
    let problem: string | undefined = `it did not answer again within ${HEAL_WAIT_MS / 1_000} s`
    const mending = this.#mendAtLast(broken).then(
      () => (problem = undefined),
      (error: unknown) => (problem = (error as Error).message),
    )
    await settles(mending, HEAL_WAIT_MS)
    // Two ends may have waited for it.
    if (this.#broken === broken) this.#markOver(problem)
  }

  /** Starts those that do not answer, such as what an earlier run left behind when it was killed. */
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

  /** Resolves once it answers. */
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

  /** Where its answers name it, it has to give some; where they don't, that it answers itself has to do. */
  #servesAgain({ name }: NodeAddress, sinceMs: number): boolean {
    const servedAtMs = this.#servedAtMs.get(name)
    return servedAtMs === undefined || servedAtMs > sinceMs
  }

  /** `problem`: why it is still broken. */
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

/** Looks from before the command on, so that a node that is back within a moment is seen to have been away. */
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
