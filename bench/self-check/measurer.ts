/**
 * The error of the harness itself. A stub does to the virtual users what a plan says (holds answers back, stalls, resets
 * connections, loses and doubles writes, forgets sessions), and the reports of the users' process, the trace and the checkers are
 * put beside what was done. The users and the checkers are those of the bench, in the same processes.
 */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { LATE_MAX_MS } from '@ninelives/history'
import { aligned } from '../harness/command/table.ts'
import { planFrom, RATE, USERS } from './measurer-plan.ts'
import { lateMs, type Line, reportOf } from './measurer-report.ts'
import type { Harm } from './measurer-stub.ts'
import { message, usersBeforeStub } from './users-process.ts'

export interface MeasurerOptions {
  readonly seed: number
  readonly say: (text: string) => void
}

const SETTLE_WAIT_MS = 25_000
/** From the plan to its beginning: the users' process has to start. */
const LEAD_MS = 1_500

export async function measureTheMeasurer({ seed, say }: MeasurerOptions): Promise<void> {
  const options = { users: USERS, rate: RATE, seed }
  const { stub, users, events, now, plan } = await usersBeforeStub(options, (nowMs) => planFrom(nowMs + LEAD_MS))
  const seconds = Math.round((plan.endMs - now()) / 1_000)
  say(`${USERS} virtual users, ${RATE} operations a second, seed ${seed}, for ${seconds} s ...`)
  await sleep(plan.endMs - now())
  await settled(users)
  users.kill()
  stub.send('tell')
  say(table(reportOf(events, plan, await message<Harm>(stub))))
  stub.kill()
  const late = lateMs(events)
  const warning = late > LATE_MAX_MS ? `; above ${LATE_MAX_MS} ms the bench would call this run unknown` : ''
  say(`The generator was ${late.toFixed(1)} ms late at p99, over ${events.length >> 1} operations${warning}.`)
}

/** All users have looked for the last time. */
async function settled(users: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  users.on('message', ({ type }: { type: string }) => {
    if (type === 'settled') resolve()
  })
  users.send({ type: 'settle', id: 'last', nodes: [] })
  await Promise.race([promise, sleep(SETTLE_WAIT_MS)])
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
