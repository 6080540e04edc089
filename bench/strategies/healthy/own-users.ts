/** The lab's own virtual users in a process of their own, as the lab starts them, without a lab: to be compared with. */
import { once } from 'node:events'
import { ownPrograms } from '@ninelives/lab'
import type { OperationEvent } from '../../../packages/lab/src/users/recorder.ts'
import { startChild } from '../../harness/children.ts'
import type { Scenario } from './shoppers.ts'

export interface OwnUsersOptions {
  readonly url: string
  readonly users: number
  readonly tabs: number
  /** Operations a second, of all together. */
  readonly rate: number
  readonly seed: number
  readonly scenario: Scenario
}

export interface OwnUsers {
  /** What came of them so far, on the system's monotonic clock. */
  readonly operations: readonly OperationEvent[]
  stop(): void
}

const READY_DEADLINE_MS = 15_000

export async function ownUsers({ url, scenario, ...options }: OwnUsersOptions): Promise<OwnUsers> {
  // Their clock begins where the system's does, so that all times can be compared.
  const told = { target: url, ...options, ...scenario, idempotencyKeys: false, firstOp: 0, originNs: '0' }
  const child = startChild(process.execPath, [ownPrograms().users, JSON.stringify(told)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { NODE_ENV: 'production' },
  })
  const operations: OperationEvent[] = []
  child.on('message', (message: { type: string; events?: OperationEvent[] }) => {
    if (message.type === 'operations') operations.push(...(message.events ?? []))
  })
  await once(child, 'message', { signal: AbortSignal.timeout(READY_DEADLINE_MS) })
  return { operations, stop: () => void child.kill('SIGKILL') }
}
