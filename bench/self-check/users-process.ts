/** The lab's virtual users in a process of their own, as the lab starts them, in front of a stub. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type OperationEvent, ownPrograms } from '@ninelives/lab'
import { startChild } from '../harness/processes/children.ts'
import type { Plan } from './measurer-plan.ts'

export interface UsersOptions {
  readonly users: number
  /** Operations a second of all users. */
  readonly rate: number
  readonly seed: number
}

export interface UsersBeforeStub {
  readonly stub: ChildProcess
  readonly users: ChildProcess
  /** In the order of the reports; may be emptied. */
  readonly events: OperationEvent[]
  /** The clock of the events and of the plan. */
  readonly now: () => number
  readonly plan: Plan
}

const STUB = fileURLToPath(new URL('measurer-stub.ts', import.meta.url))

export async function usersBeforeStub(
  options: UsersOptions,
  planFrom: (nowMs: number) => Plan,
): Promise<UsersBeforeStub> {
  const origin = process.hrtime.bigint()
  const originNs = String(origin)
  const now = (): number => Number(process.hrtime.bigint() - origin) / 1e6
  const stub = child(STUB)
  const { url } = await message<{ url: string }>(stub)
  const plan = planFrom(now())
  stub.send({ plan, originNs })
  const told = { target: url, ...options, tabs: 1, idempotencyKeys: false, firstOp: 0, originNs }
  const users = child(ownPrograms().users, JSON.stringify(told))
  const events: OperationEvent[] = []
  users.on('message', (report: { type: string; events?: readonly OperationEvent[] }) => {
    if (report.type === 'operations') events.push(...(report.events ?? []))
  })
  return { stub, users, events, now, plan }
}

function child(program: string, ...args: string[]): ChildProcess {
  return startChild(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

export async function message<T>(from: ChildProcess): Promise<T> {
  const [sent] = (await once(from, 'message')) as [T]
  return sent
}
