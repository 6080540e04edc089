import { LabError } from '../../errors.ts'
import type { Keeper } from '../../supervise/keeper.ts'
import type { NodeAddress } from '../../users/load.ts'

/** Longer than the users' own bound. */
const SETTLE_WAIT_MS = 25_000

/** Has every user look once more, also at the copies on these nodes. Resolves when that is in the trace. */
export async function lastLook(users: Keeper | undefined, nodes: readonly NodeAddress[]): Promise<void> {
  const isSettled = await users?.call({ type: 'settle', id: 'last', nodes }, 'settled', SETTLE_WAIT_MS)
  if (isSettled === false)
    throw new LabError('NOT_SETTLED', 1, 'the virtual users did not finish their last look in time')
}
