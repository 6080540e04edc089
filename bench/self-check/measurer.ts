/**
 * The error of the harness itself. A stub does to the virtual users what a plan says (holds answers back, stalls, resets
 * connections, loses and doubles writes, forgets sessions), and what the users' process, the trace and the checkers report of it is
 * put beside what was done. They are the very users and checkers of the bench, in the processes that they are in there.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LATE_MAX_MS } from '@ninelives/history'
import { ownPrograms } from '@ninelives/lab'
import { startChild } from '../harness/children.ts'
import { aligned } from '../harness/command/table.ts'
import { planFrom, RATE, USERS } from './measurer-plan.ts'
import { lateMs, type Line, type OperationEvent, reportOf } from './measurer-report.ts'
import type { Harm } from './measurer-stub.ts'

export interface MeasurerOptions {
  readonly seed: number
  readonly say: (text: string) => void
}

const STUB = fileURLToPath(new URL('measurer-stub.ts', import.meta.url))
const SETTLE_WAIT_MS = 25_000
/** From the plan to its beginning: the users' process has to start. */
const LEAD_MS = 1_500

export async function measureTheMeasurer({ seed, say }: MeasurerOptions): Promise<void> {
  const originNs = process.hrtime.bigint()
  const now = (): number => Number(process.hrtime.bigint() - originNs) / 1e6
  const stub = child(STUB)
  try {
    const { url } = await message<{ url: string }>(stub)
    const plan = planFrom(now() + LEAD_MS)
    stub.send({ plan, originNs: String(originNs) })
    say(
      `${USERS} virtual users, ${RATE} operations a second, seed ${seed}, for ${Math.round((plan.endMs - now()) / 1_000)} s ...`,
    )
    const events: OperationEvent[] = []
    const told = { target: url, users: USERS, tabs: 1, rate: RATE, seed, idempotencyKeys: false, firstOp: 0 }
    const users = child(ownPrograms().users, JSON.stringify({ ...told, originNs: String(originNs) }))
    users.on('message', (report: { type: string; events?: readonly OperationEvent[] }) => {
      if (report.type === 'operations') events.push(...(report.events ?? []))
    })
    await sleep(plan.endMs - now())
    await settled(users)
    users.kill()
    stub.send('tell')
    const lines = reportOf(events, plan, await message<Harm>(stub))
    say(table(lines))
    const late = lateMs(events)
    const warning =
      late > LATE_MAX_MS ? `; with more than ${LATE_MAX_MS} ms the bench itself would call this run unknown` : ''
    say(`The generator was ${late.toFixed(1)} ms late at p99, over ${events.length >> 1} operations${warning}.`)
  } finally {
    stub.kill()
  }
}

function child(program: string, ...args: string[]): ChildProcess {
  return startChild(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

async function message<T>(from: ChildProcess): Promise<T> {
  const [sent] = (await once(from, 'message')) as [T]
  return sent
}

/** Everybody has looked for the last time. */
async function settled(users: ChildProcess): Promise<void> {
  const done = new Promise<void>((resolve) =>
    users.on('message', ({ type }: { type: string }) => {
      if (type === 'settled') resolve()
    }),
  )
  users.send({ type: 'settle', id: 'last', nodes: [] })
  await Promise.race([done, sleep(SETTLE_WAIT_MS)])
}

function table(lines: readonly Line[]): string {
  const rows = lines.map(({ what, injected, reported, unit }) => {
    const digits = unit === 'ms' ? 1 : 0
    const error = reported - injected
    return [
      what,
      injected.toFixed(digits),
      reported.toFixed(digits),
      `${error >= 0 ? '+' : ''}${error.toFixed(digits)}`,
      unit,
    ]
  })
  return aligned([['', 'injected', 'reported', 'error', ''], ...rows], 4)
}
