/** What is cut short: how a customer comes to it, what it is, and how to tell afterwards whether it was done. */
import type { Answered } from '../users/asking.ts'
import type { Customer } from './customer.ts'

export interface Operation {
  readonly name: string
  /** As the node knows it. */
  readonly route: string
  /** False when it could not even be come to, with nothing broken. */
  prepare(customer: Customer): Promise<boolean>
  run(customer: Customer): Promise<Answered>
  /** How often it was done, as far as its customer can tell. */
  done(seen: Seen): number
}

/** Before the crash, the answer, and what is there afterwards. */
export interface Seen {
  readonly answered: Answered
  readonly cookieBefore: string | undefined
  readonly cookieAfter: string | undefined
  /** The last look at the cart. */
  readonly look: Answered
  /** What one more count came to. */
  readonly count: number | undefined
  /** What the cookie from before the operation opens. */
  readonly comeback: Answered
}

export const operations: readonly Operation[] = [
  {
    name: 'login',
    route: 'POST /api/login',
    // One who has been there for a while, as a visitor: there is a session to be made theirs.
    prepare: async (customer) => isOk(await customer.count()),
    run: (customer) => customer.login(),
    done: ({ look }) => (isOk(look) ? 1 : 0),
  },
  {
    name: 'put',
    route: 'POST /api/cart',
    prepare: comeIn,
    run: (customer) => customer.put(),
    done: ({ look }) => quantityOf(look, 1),
  },
  {
    name: 'read',
    route: 'GET /api/cart',
    prepare: comeIn,
    run: (customer) => customer.read(),
    done: ({ answered }) => (isOk(answered) ? 1 : 0),
  },
  {
    name: 'count',
    route: 'POST /api/counter',
    prepare: comeIn,
    run: (customer) => customer.count(),
    // One before it, and one to look.
    done: ({ count = 0 }) => Math.max(0, count - 2),
  },
  {
    name: 'logout',
    route: 'POST /api/logout',
    prepare: comeIn,
    run: (customer) => customer.logout(),
    done: ({ comeback }) => (comeback.answer.as === undefined ? 1 : 0),
  },
  {
    name: 'rotate',
    route: 'POST /api/login',
    prepare: comeIn,
    run: (customer) => customer.login(),
    done: ({ cookieBefore, cookieAfter, look }) => (isOk(look) && cookieBefore !== cookieAfter ? 1 : 0),
  },
]

/** Logged in, with something in the cart and something counted. */
async function comeIn(customer: Customer): Promise<boolean> {
  const came = [await customer.count(), await customer.login(), await customer.put(), await customer.read()]
  return came.every(isOk) && (came.at(-1)?.answer.items ?? []).length === 1
}

function isOk({ outcome }: Answered): boolean {
  return outcome.end === 'ok'
}

/** Of the thing that was put in after so many others. */
function quantityOf({ answer: { items = [] } }: Answered, others: number): number {
  return items[others]?.[1] ?? 0
}
