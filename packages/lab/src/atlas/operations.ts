/** The operations to interrupt: how to prepare each, how to run it, and how to find out whether it was carried out. */
import type { Answered } from '../users/send-operation.ts'
import type { Customer } from './customer.ts'

export interface Operation {
  readonly name: string
  /** Method and path, as the node names the route. */
  readonly route: string
  /** False if the operation could not even be begun, with nothing broken. */
  prepare(customer: Customer): Promise<boolean>
  run(customer: Customer): Promise<Answered>
  /** Where it is known which node gets the operation. */
  node?(customer: Customer): string | undefined
  /** How often it was carried out, as far as its customer can see. */
  done(seen: Seen): number
}

/** What the customer saw before, during and after the crash. */
export interface Seen {
  readonly answered: Answered
  readonly cookieBefore: string | undefined
  readonly cookieAfter: string | undefined
  /** The last look at the cart. */
  readonly look: Answered
  /** The number that one more `count` returned. */
  readonly count: number | undefined
  /** All moves of its marker, after a `move`. */
  readonly moves: number | undefined
  /** The answer to the cookie from before the operation. */
  readonly comeback: Answered
}

export const operations: readonly Operation[] = [
  {
    name: 'login',
    route: 'POST /api/login',
    // A visitor first, so that the login rotates a session that exists.
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
    // One count came before it, and one is the look.
    done: ({ count = 0 }) => Math.max(0, count - 2),
  },
  {
    name: 'move',
    route: 'WS /api/floor',
    prepare: async (customer) => (await comeIn(customer)) && isOk(await customer.move()),
    run: (customer) => customer.move(),
    node: (customer) => customer.socketNode,
    // One move came before it.
    done: ({ moves = 0 }) => Math.max(0, moves - 1),
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

/** The quantity of the item that was put in after so many others. */
function quantityOf({ answer: { items = [] } }: Answered, others: number): number {
  return items[others]?.[1] ?? 0
}
