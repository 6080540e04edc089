import { randomInt } from 'node:crypto'
import { type ClusterState, initialState, reduce, type UsersSecond } from '@ninelives/history'
import type { Config } from '../config.ts'
import { EXIT_INTERRUPTED, LabError } from '../errors.ts'
import { httpGet } from '../http-get.ts'
import { SEED_MAX } from '../random.ts'
import { painter } from '../terminal/paint.ts'
import { watchLine, watchSentence, watchSummary } from '../terminal/watch-lines.ts'
import { startLoad } from '../users/load.ts'
import { SeenNodes } from '../users/seen-nodes.ts'
import { until } from '../wait.ts'
import { flagsHelp, integerFlag, parseFlags } from './command/flags.ts'
import { targetFlag } from './command/run-flags.ts'
import { stopSignal, whenStopped } from './command/stop-signal.ts'
import { say } from '../terminal/say.ts'

const watchFlags = {
  target: targetFlag,
  users: integerFlag({ min: 1, max: 10_000 }, { placeholder: 'N', help: 'virtual users (10)', otherwise: 10 }),
  rate: integerFlag(
    { min: 1, max: 10_000 },
    { placeholder: 'N', help: 'operations a second of all of them (50)', otherwise: 50 },
  ),
  seed: integerFlag<number | undefined>(
    { min: 0, max: SEED_MAX },
    { placeholder: 'N', help: 'the seed of the load (any)', otherwise: undefined },
  ),
}

const watchHelp = `ninelives watch [flags]

Sends virtual users to a shop that runs already, and prints once a second which nodes answered and
what the users saw. Ctrl-C ends it with totals.

${flagsHelp(watchFlags)}`

const TARGET_WAIT_MS = 60_000
const TARGET_POLL_MS = 250
const TARGET_ANSWER_MS = 5_000
/** Every implementation of the shop answers it. */
const ASKED = '/api/session'

/** Resolves with the exit code. */
export async function watch(args: readonly string[], { endsWithParent }: Config): Promise<number> {
  const flags = parseFlags('watch', watchFlags, args)
  if (flags === 'help') {
    say(watchHelp)
    return 0
  }
  const stop = stopSignal({ endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  await reached(flags.target, stop)
  if (stop.aborted) {
    say('Interrupted before the shop was ready.\n')
    return EXIT_INTERRUPTED
  }
  const ledger = new Ledger()
  const seed = flags.seed ?? randomInt(SEED_MAX)
  const load = startLoad({ ...flags, seed, onSecond: (second) => ledger.add(second) })
  await whenStopped(stop)
  load.end()
  say(`${process.stdout.isTTY ? '\n' : ''}${ledger.summary(flags.target.origin)}`)
  return 0
}

/** Resolves when the shop is ready, or when `signal` aborts. */
async function reached(url: URL, signal: AbortSignal): Promise<void> {
  let lastMet: string | undefined
  const ready = async (): Promise<boolean> => {
    let met = `no answer in ${TARGET_ANSWER_MS / 1_000} s`
    const onError = (error: NodeJS.ErrnoException): void => void (met = reasonOf(error) ?? met)
    const answer = await httpGet(new URL(ASKED, url).href, { timeoutMs: TARGET_ANSWER_MS, onError })
    if (answer?.status === 200 || signal.aborted) return true
    if (answer !== undefined) met = `it answers ${answer.status}`
    if (lastMet === undefined)
      say(`Waiting up to ${TARGET_WAIT_MS / 1_000} s for ${url.origin} to be ready (${met}) ...\n`)
    lastMet = met
    return false
  }
  try {
    await until(ready, { deadlineMs: TARGET_WAIT_MS, everyMs: TARGET_POLL_MS, what: url.origin })
  } catch {
    throw new LabError(
      'TARGET_UNAVAILABLE',
      1,
      `${url.origin} was not ready within ${TARGET_WAIT_MS / 1_000} s (GET ${ASKED}: ${lastMet ?? 'no answer'})`,
    )
  }
}

/** Undefined for a request that ended because its time was over. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string | undefined {
  if (code === 'ECONNREFUSED') return 'connection refused: no process listens there'
  return code === 'ABORT_ERR' ? undefined : message
}

/** Adds up the seconds, and prints each. */
class Ledger {
  readonly #paint = painter(process.stdout)
  readonly #seen = new SeenNodes()
  readonly #byNode: Record<string, number> = {}
  readonly #byKind: Record<string, number> = {}
  #state: ClusterState = initialState
  #worstP99Ms = 0

  add(second: UsersSecond): void {
    const atMs = Date.now()
    this.#state = reduce(this.#state, { seq: this.#state.seq + 1, atMs, ...second })
    this.#worstP99Ms = Math.max(this.#worstP99Ms, second.latencyMs.p99)
    addTo(this.#byNode, Object.entries(second.byNode))
    const { 'logged-out': _counted, ...failed } = second.failed
    addTo(this.#byKind, Object.entries(failed))
    addTo(
      this.#byKind,
      Object.entries(second.unknown).map(([kind, n]) => [`${kind}, the change may have been made`, n]),
    )
    const changes = this.#seen.second(second.byNode)
    say(`${watchLine(second, this.#seen.names, atMs, this.#paint)}\n`)
    for (const { node, answers } of changes) say(`${watchSentence(node, answers, atMs, this.#paint)}\n`)
  }

  summary(origin: string): string {
    return watchSummary({
      target: origin,
      users: this.#state.users,
      seconds: this.#state.seq + 1,
      byNode: this.#byNode,
      byKind: this.#byKind,
      worstP99Ms: this.#worstP99Ms,
    })
  }
}

function addTo(sums: Record<string, number>, entries: readonly (readonly [string, number])[]): void {
  for (const [key, n] of entries) sums[key] = (sums[key] ?? 0) + n
}
