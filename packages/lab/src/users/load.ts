import { setTimeout as sleep } from 'node:timers/promises'
import type { UsersSecond } from '@ninelives/history'
import { seededRandom } from '../random.ts'
import { Client } from './client.ts'
import { dueTimes } from './schedule.ts'
import { Tally } from './tally.ts'
import { VirtualUser } from './virtual-user.ts'

export interface LoadOptions {
  readonly target: URL
  readonly users: number
  /** Operations a second, of all users together. */
  readonly rate: number
  readonly seed: number
  readonly onSecond: (second: UsersSecond) => void
}

const REPORT_EVERY_MS = 1_000

/** Lets the users loose on the shop. Returns what ends it. */
export function startLoad({ target, users: howMany, rate, seed, onSecond }: LoadOptions): () => void {
  const client = new Client(target)
  const tally = new Tally()
  const end = new AbortController()
  const run = seed.toString(36)
  const users = Array.from(
    { length: howMany },
    (_, index) => new VirtualUser({ client, name: `user-${index}`, password: `password-${index}`, run }),
  )
  const everyMs = (1_000 * howMany) / rate
  for (const [index, user] of users.entries()) {
    void live(user, dueTimes(everyMs, seededRandom(seed + index)), tally, end.signal)
  }
  const report = setInterval(() => onSecond(tally.take(standing(users))), REPORT_EVERY_MS)
  return () => {
    clearInterval(report)
    end.abort()
    client.close()
  }
}

/** One after the other, each as soon as it is due and the one before it has ended. */
async function live(user: VirtualUser, due: Iterable<number>, tally: Tally, end: AbortSignal): Promise<void> {
  const beganMs = performance.now()
  let freeMs = beganMs
  for (const dueInMs of due) {
    const dueMs = beganMs + dueInMs
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: end }).catch(() => undefined)
    if (end.aborted) return
    tally.sent(performance.now() - Math.max(dueMs, freeMs))
    const operation = await user.act()
    freeMs = performance.now()
    if (!end.aborted) tally.ended(operation, freeMs - dueMs)
  }
}

function standing(users: readonly VirtualUser[]): UsersSecond['users'] {
  return {
    all: users.length,
    loggedIn: users.filter(({ loggedIn }) => loggedIn).length,
    intact: users.filter(({ intact }) => intact).length,
  }
}
