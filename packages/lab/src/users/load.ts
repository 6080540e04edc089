import { setTimeout as sleep } from 'node:timers/promises'
import type { UsersSecond } from '@ninelives/history'
import { seededRandom } from '../random.ts'
import { settles } from '../wait.ts'
import { Client } from './client.ts'
import { hundredths, type OperationEvent, Recorder } from './recorder.ts'
import { Pauses } from './pauses.ts'
import { dueTimes } from './schedule.ts'
import { Tally } from './tally.ts'
import { type Turn, VirtualUser } from './virtual-user.ts'

export interface LoadOptions {
  readonly target: URL
  readonly users: number
  /** Tabs of each user, which share its cookies. Default 1. */
  readonly tabs?: number
  /** Every fourth user acts in all its tabs at once. Default: each tab at times of its own. */
  readonly together?: boolean
  /** Operations a second of all users together. */
  readonly rate: number
  /** As in VirtualUserOptions. */
  readonly readShare?: number
  /** The share of the users who are on the floor. Default 0. */
  readonly floor?: number
  readonly seed: number
  readonly idempotencyKeys?: boolean
  readonly onSecond: (second: UsersSecond) => void
  /** Called with the start and end of every operation, on the clock `now`. */
  readonly onOperations?: (events: readonly OperationEvent[]) => void
  readonly now?: () => number
  /** The first operation's number. Default 0. */
  readonly firstOp?: number
}

/** A node that can be asked directly. */
export interface NodeAddress {
  readonly name: string
  readonly url: string
}

export interface Load {
  /** Resolves when so many operations have been sent. */
  reach(operation: number): Promise<void>
  /** Changes the rate; of several changes at the same time the latest holds. Resolves when no earlier operation is in flight. */
  pace(rate: number): Promise<void>
  /**
   * Waits until operations in flight have ended and copies have been replicated. Then each user that is or may be logged in looks
   * once more, also at each node's copy. Resolves when that is recorded, within a bound.
   */
  settle(nodes: readonly NodeAddress[]): Promise<void>
  end(): void
}

export const TABS_MAX = 4
/** An arbitrary number that gives the two uses of the seed different sequences. */
const CHOICES = 0x2545f491
const TOGETHER_EACH = 4
const REPORT_EVERY_MS = 1_000
/** Longer than an operation can take. */
const LAST_ANSWERS_WAIT_MS = 6_000
const LAST_LOOKS_MAX = 3
const LAST_LOOKS_WAIT_MS = 15_000
/** After this time copies have been replicated, so a difference is not a delay. */
const DUST_SETTLES_MS = 500
/** How many users look concurrently, so that the last look is no load. */
const LOOKING_AT_ONCE = 8

/** Starts the virtual users. */
export function startLoad(options: LoadOptions): Load {
  const { target, users: howMany, tabs = 1, rate, seed, onSecond, now = () => performance.now() } = options
  const { together = false, readShare, idempotencyKeys = false, onOperations = () => undefined } = options
  const { floor = 0, firstOp = 0 } = options
  const habits = { idempotencyKeys, ...(readShare === undefined ? {} : { readShare }) }
  const client = new Client(target)
  const recorder = new Recorder({ now, report: onOperations, firstOp })
  const tally = new Tally()
  const counted = new OperationCount()
  const run = `${seed.toString(36)}-${Math.floor(now()).toString(36)}`
  const users = Array.from({ length: howMany }, (_, n) => {
    const place = n < Math.round(floor * howMany) ? { floor: target } : {}
    return new VirtualUser({ client, recorder, name: `user-${n}`, password: `password-${n}`, run, ...habits, ...place })
  })
  const act = (paced: number): Acting => {
    const everyMs = (1_000 * howMany * tabs) / paced
    const beganMs = now()
    const pauses = new Pauses()
    const lives = users.flatMap((user, index) =>
      Array.from({ length: tabs }, (_, tab) => {
        const own = seed + index * TABS_MAX + tab
        const first = seed + index * TABS_MAX
        const due = dueTimes(everyMs, seededRandom(together && index % TOGETHER_EACH === 0 ? first : own))
        // A sequence of its own: answers decide how often it is used, and must not change when a tab acts.
        const random = seededRandom(own ^ CHOICES)
        return live({ user, tab, random, due, beganMs, now, tally, counted, pauses })
      }),
    )
    return { pauses, over: Promise.all(lives) }
  }
  let acting = act(rate)
  let paces = 0
  let isOver = false
  const report = setInterval(() => onSecond(tally.take(standing(users))), REPORT_EVERY_MS)
  const stopActing = (): void => {
    isOver = true
    clearInterval(report)
    acting.pauses.end()
  }
  return {
    reach: (operation) => counted.reach(operation),
    async pace(paced) {
      const own = ++paces
      acting.pauses.end()
      await acting.over
      // Of several that waited, only the latest acts: `acting` holds one, which `end` stops.
      if (!isOver && own === paces) acting = act(paced)
    },
    async settle(nodes) {
      stopActing()
      await settles(acting.over, LAST_ANSWERS_WAIT_MS)
      await sleep(DUST_SETTLES_MS)
      await settles(lastLooks(users, nodes, now), LAST_LOOKS_WAIT_MS)
      recorder.flush()
    },
    end() {
      stopActing()
      recorder.flush()
      client.close()
      for (const user of users) user.close()
    },
  }
}

interface Acting {
  readonly pauses: Pauses
  /** Resolves when the last operation has ended. */
  readonly over: Promise<unknown>
}

interface Life {
  readonly user: VirtualUser
  readonly tab: number
  readonly random: () => number
  readonly due: Iterable<number>
  readonly beganMs: number
  readonly now: () => number
  readonly tally: Tally
  readonly counted: OperationCount
  readonly pauses: Pauses
}

/** Counts the operations that were sent, and tells when a number is reached. */
class OperationCount {
  #sent = 0
  #waiting: { readonly operation: number; readonly resolve: () => void }[] = []

  add(): void {
    this.#sent++
    const reached = this.#waiting.filter(({ operation }) => operation <= this.#sent)
    if (reached.length === 0) return
    this.#waiting = this.#waiting.filter((each) => !reached.includes(each))
    for (const { resolve } of reached) resolve()
  }

  reach(operation: number): Promise<void> {
    if (operation <= this.#sent) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ operation, resolve }))
  }
}

/** One tab: one operation at a time, each as soon as it is due and the previous one has ended. */
async function live({ user, tab, random, due, beganMs, now, tally, counted, pauses }: Life): Promise<void> {
  let freeMs = beganMs
  for (const dueInMs of due) {
    const dueAtMs = beganMs + dueInMs
    const waitMs = dueAtMs - now()
    if (waitMs > 0) await pauses.pause(waitMs)
    if (pauses.areOver) return
    const lateMs = Math.max(0, now() - Math.max(dueAtMs, freeMs))
    tally.sent(lateMs)
    counted.add()
    const operation = await user.act({ tab, dueAtMs: hundredths(dueAtMs), lateMs: hundredths(lateMs), random })
    freeMs = now()
    tally.ended(operation, freeMs - dueAtMs)
  }
}

async function lastLooks(
  users: readonly VirtualUser[],
  nodes: readonly NodeAddress[],
  now: () => number,
): Promise<void> {
  const clients = nodes.map(({ name, url }) => ({ name, client: new Client(new URL(url)) }))
  const waiting = users.filter(({ isInside }) => isInside)
  const looking = async (): Promise<void> => {
    for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
      const turn: Turn = { tab: 0, dueAtMs: hundredths(now()), lateMs: 0, random: () => 0 }
      // Several looks: an item or session that is missing once and then there again was late, not lost.
      let looks = 0
      do await user.look(turn)
      while ((user.missesSomething || user.isInDoubt) && ++looks < LAST_LOOKS_MAX)
      await user.lookAtFloor(turn)
      for (const { name, client } of clients) await user.copyFrom(turn, name, client)
    }
  }
  await Promise.all(Array.from({ length: LOOKING_AT_ONCE }, looking))
  for (const { client } of clients) client.close()
}

function standing(users: readonly VirtualUser[]): UsersSecond['users'] {
  return {
    all: users.length,
    loggedIn: users.filter(({ loggedIn }) => loggedIn).length,
    intact: users.filter(({ intact }) => intact).length,
  }
}
