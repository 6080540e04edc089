/** Another rate for the virtual users, while they act. */
import { ApiError } from '../errors.ts'
import type { Keeper } from '../supervise/keeper.ts'
import type { Trace } from '../trace/trace.ts'

const RATE_MAX = 10_000
/** Longer than an operation can take. */
const PACED_WAIT_MS = 10_000

export interface Paced {
  /** Absent without virtual users. */
  readonly users: Pick<Keeper, 'call'> | undefined
}

let asked = 0

/** Resolves when the users act at that rate. */
export async function pace(
  { users }: Paced,
  trace: Trace,
  { rate }: Readonly<Record<string, unknown>>,
): Promise<{ readonly rate: number }> {
  if (typeof rate !== 'number' || !Number.isInteger(rate) || rate < 1 || rate > RATE_MAX) {
    throw new ApiError(422, 'WRONG_SHAPE', `rate takes whole operations a second, 1 to ${RATE_MAX}`)
  }
  if (users === undefined) throw new ApiError(409, 'NO_USERS', 'there are no virtual users: start the lab with --users')
  trace.append({ type: 'users-paced', rate, reason: 'asked by the control API' })
  if (!(await users.call({ type: 'pace', id: `asked-${++asked}`, rate }, 'paced', PACED_WAIT_MS)))
    throw new ApiError(504, 'NOT_PACED', 'the process of the virtual users did not confirm the rate')
  return { rate }
}
