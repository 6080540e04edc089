/**
 * Users of the shop with one or more tabs each, at a steady rate, half of it writes, and what may never happen to them. A
 * write adds one thing that nobody else adds, so each that was acknowledged must be in every cart that is read afterwards,
 * exactly once; one whose answer never came may or may not be there.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '@ninelives/lab'
import { type Answer, client, type Client } from '../../packages/node/test/support/client.ts'

const SERVED_WITHIN_MS = 60_000

export interface ShoppersOptions {
  readonly users: number
  readonly tabs: number
  readonly operationsPerSecond: number
}

export interface Harm {
  /** Answers that sent a user who was logged in to the login. */
  readonly loggedOut: number
  /** What a read did not show although it was acknowledged before the read was sent. */
  readonly stale: readonly string[]
  /** What was acknowledged and is not in the cart at the end. */
  readonly lost: readonly string[]
  /** What is there more than once. */
  readonly doubled: readonly string[]
}

export interface Shoppers {
  /** Logs all of them in. */
  begin(): Promise<void>
  /** Operations until told to stop. */
  shop(signal: AbortSignal): Promise<void>
  /** Reads every cart once more. */
  harm(): Promise<Harm>
  readonly counts: Counts
}

export interface Counts {
  operations: number
  acknowledged: number
  /** Neither acknowledged nor refused: no answer, or one that says that something was out of order. */
  failed: number
  /** From sending to the end of the answer. */
  slowestMs: number
}

interface Item {
  readonly sku: string
  readonly quantity: number
}

interface User {
  readonly browser: Client
  readonly acknowledged: Set<string>
}

export function shoppers(url: string, { users: count, tabs, operationsPerSecond }: ShoppersOptions): Shoppers {
  const users: User[] = []
  const counts: Counts = { operations: 0, acknowledged: 0, failed: 0, slowestMs: 0 }
  const harm: HarmSoFar = { loggedOut: 0, stale: [], doubled: [] }

  const operate = async (user: User, writes: boolean, sku: string): Promise<void> => {
    const before = new Set(user.acknowledged)
    counts.operations++
    const sentMs = performance.now()
    // Each tab sends the cookie that the browser has at that instant.
    const page = client(url, user.browser.cookie)
    const sent = writes ? page.send('POST', '/api/cart', { sku }) : page.send('GET', '/api/cart')
    const answer = await sent.catch(() => undefined)
    counts.slowestMs = Math.max(counts.slowestMs, performance.now() - sentMs)
    if (answer === undefined || (answer.status !== 200 && answer.status !== 401)) counts.failed++
    if (answer === undefined) return
    look(harm, before, answer)
    if (!writes || answer.status !== 200) return
    user.acknowledged.add(sku)
    counts.acknowledged++
  }

  /** Operations are due at fixed instants and run one after the other; what fell behind is made up for. */
  const tab = async (user: User, name: string, firstAtMs: number, signal: AbortSignal): Promise<void> => {
    const everyMs = (1_000 * count * tabs) / operationsPerSecond
    for (let turn = 0; !signal.aborted; turn++) {
      await sleep(Math.max(0, firstAtMs + turn * everyMs - Date.now()))
      await operate(user, turn % 2 === 0, `${name}-${turn}`)
    }
  }

  return {
    counts,

    async begin() {
      for (let n = 0; n < count; n++) {
        const browser = client(url)
        const { status } = await served(() => browser.login(`user-${n}`))
        if (status !== 200) throw new Error(`the login of user-${n} was answered by ${status}`)
        users.push({ browser, acknowledged: new Set() })
      }
    },

    async shop(signal) {
      const everyMs = (1_000 * count) / operationsPerSecond
      const beginAtMs = Date.now()
      await Promise.all(
        users.flatMap((user, n) =>
          // All tabs of a user at the same instants: that is what makes them meet.
          Array.from({ length: tabs }, (_, t) => tab(user, `tab-${t}`, beginAtMs + (n * everyMs) / count, signal)),
        ),
      )
    },

    async harm() {
      const lost: string[] = []
      for (const [n, { browser, acknowledged }] of users.entries()) {
        const answer = await served(() => browser.send('GET', '/api/cart'))
        if (answer.status !== 200) throw new Error(`the last look into a cart was answered by ${answer.status}`)
        const there = new Set(itemsOf(answer).map(({ sku }) => sku))
        lost.push(...[...acknowledged].filter((sku) => !there.has(sku)).map((sku) => `user-${n}: ${sku}`))
        look(harm, new Set(), answer)
      }
      return { ...harm, lost }
    },
  }
}

/** Sends again while the answer is 503: nodes that a busy machine holds up may take each other for dead. */
async function served(send: () => Promise<Answer>): Promise<Answer> {
  let answer = await send()
  const isServed = async (): Promise<boolean> => answer.status !== 503 || (answer = await send()).status !== 503
  await until(isServed, { deadlineMs: SERVED_WITHIN_MS, what: 'an answer other than 503' })
  return answer
}

interface HarmSoFar {
  loggedOut: number
  readonly stale: string[]
  readonly doubled: string[]
}

/** At a cart that was read when `acknowledged` already was. */
function look(harm: HarmSoFar, acknowledged: ReadonlySet<string>, answer: Answer): void {
  if (answer.status === 401) harm.loggedOut++
  if (answer.status !== 200) return
  const items = itemsOf(answer)
  const there = new Set(items.map(({ sku }) => sku))
  harm.stale.push(...[...acknowledged].filter((sku) => !there.has(sku)))
  const twice = items.filter(({ quantity }) => quantity !== 1)
  harm.doubled.push(...twice.map(({ sku, quantity }) => `${quantity} of ${sku}`))
}

function itemsOf({ body }: Answer): readonly Item[] {
  return (body as { items: readonly Item[] }).items
}
