/**
 * Chooses the rate of a run without --rate. The users begin at RATE_MAX, and the rate is halved until the machine keeps up:
 * operations are sent on time and in the number that is due. A lower rate exposes fewer operations to each fault, which the
 * verdict shows; a load that lags would measure the machine.
 */
import type { UsersSecond } from '@ninelives/history'
import type { Keeper } from '../../supervise/keeper.ts'
import type { Trace } from '../../trace/trace.ts'
import { succeeds, until } from '../../wait.ts'

export const RATE_MAX = 300
/** Below this there would be too few operations around a fault. */
const RATE_MIN = 30
/** Half of what a verdict allows, as starting nodes will add load. */
const LATE_MAX_MS = 5
const SENT_SHARE_MIN = 0.8
/** Seconds to look at. The first one is left out, as it has the logins. */
const SECONDS = 3
const SECONDS_SKIPPED = 1
const REPORTS_WAIT_MS = 15_000
/** Longer than an operation can take. */
const PACED_WAIT_MS = 10_000

export interface PacedSubject {
  readonly trace: Trace
  readonly users: Keeper | undefined
}

/** Resolves when the users act at a rate that the machine keeps up with, or when `signal` aborts. */
export async function fitRate(subject: PacedSubject, say: (line: string) => void, signal: AbortSignal): Promise<void> {
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

/** Judges by the best of these seconds, so that a single disturbed second does not lower the rate. */
function problemOf(seconds: readonly UsersSecond[], rate: number): string | undefined {
  if (seconds.length === 0) return 'the users did not report in time'
  const lateMs = Math.min(...seconds.map((second) => second.lateMs))
  if (lateMs > LATE_MAX_MS) return `they were sent ${lateMs.toFixed(1)} ms late at p99`
  const sent = Math.max(...seconds.map((second) => second.sent))
  return sent < rate * SENT_SHARE_MIN ? `only ${sent} were sent in a second` : undefined
}

async function pace({ trace, users }: PacedSubject, rate: number, reason: string, id: string): Promise<void> {
  trace.append({ type: 'users-paced', rate, reason })
  // If the users don't answer, they have died, and their next process begins at the new rate.
  await users?.call({ type: 'pace', id, rate }, 'paced', PACED_WAIT_MS)
}
