/**
 * The rate of a run that was not told one. The users begin at RATE_MAX and are slowed down by half, until the machine keeps up:
 * operations leave on time and are as many as are due. A slower load exposes fewer operations to each fault, and the verdict says
 * how many these were; a load that lags measures the machine.
 */
import type { UsersSecond } from '@ninelives/history'
import type { Keeper } from '../../supervise/keeper.ts'
import type { Trace } from '../../trace/trace.ts'
import { succeeds, until } from '../../wait.ts'

export const RATE_MAX = 300
/** Slower than this there would be too few operations around a fault. */
const RATE_MIN = 30
/** Half of what a verdict allows, since the starts of nodes are still to come. */
const LATE_MAX_MS = 5
const SENT_SHARE_MIN = 0.8
/** Reports of a second each. The first one has the logins in it. */
const SECONDS = 3
const SECONDS_SKIPPED = 1
const REPORTS_WAIT_MS = 15_000
/** Longer than an operation can take. */
const PACED_WAIT_MS = 10_000

export interface Paced {
  readonly trace: Trace
  readonly users: Keeper | undefined
}

/** Resolves once the users act at a rate that fits, or it is time to stop. */
export async function fitRate(subject: Paced, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  for (let round = 1; ; round++) {
    const { rate } = subject.trace.state.users
    const seconds = await warmUp(subject.trace, signal)
    if (signal.aborted) return
    const problem = problemOf(seconds.slice(SECONDS_SKIPPED), rate)
    const slower = Math.round(rate / 2)
    if (problem === undefined) return say(`${rate} operations a second, which this machine keeps up with`)
    if (slower < RATE_MIN) return say(`${rate} operations a second, the least, although ${problem}`)
    say(`${rate} operations a second are too many for this machine: ${problem}`)
    await pace(subject, slower, `at ${rate} a second ${problem}`, `rate-${round}`)
  }
}

async function warmUp(trace: Trace, signal: AbortSignal): Promise<readonly UsersSecond[]> {
  const seconds: UsersSecond[] = []
  const endListening = trace.listen((event) => {
    if (event.type === 'users-second') seconds.push(event)
  })
  const isDone = (): boolean => seconds.length >= SECONDS || signal.aborted
  await succeeds(until(isDone, { deadlineMs: REPORTS_WAIT_MS, what: 'the users to report' }))
  endListening()
  return seconds
}

/** By the best of these seconds: one that something else disturbed is no reason. */
function problemOf(seconds: readonly UsersSecond[], rate: number): string | undefined {
  if (seconds.length === 0) return 'the users did not report in time'
  const lateMs = Math.min(...seconds.map((second) => second.lateMs))
  if (lateMs > LATE_MAX_MS) return `they were sent ${lateMs.toFixed(1)} ms late at p99`
  const sent = Math.max(...seconds.map((second) => second.sent))
  return sent < rate * SENT_SHARE_MIN ? `only ${sent} were sent in a second` : undefined
}

async function pace({ trace, users }: Paced, rate: number, reason: string, id: string): Promise<void> {
  trace.append({ type: 'users-paced', rate, reason })
  // Where they don't answer they have died, and those that come in their place begin at the new rate.
  await users?.call({ type: 'pace', id, rate }, 'paced', PACED_WAIT_MS)
}
