/**
 * Users of an application that runs as two nodes on one store, while that fails over: each raises a counter in its session, one
 * request after another, on one node and the other in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { redisStore, type RedisStoreOptions } from '../../../src/stores/redis/redis.ts'
import { until } from '../until.ts'
import { type Client, client, type Handler, shop } from '../shop.ts'

export interface FailoverLoad {
  /** What both stores told. */
  readonly events: readonly StoreEvent[]
  readonly counts: Readonly<Counts>
  /** What is amiss, as the stores say themselves. */
  warnings(): readonly string[]
  /** The status of each user's request that changes nothing. */
  look(): Promise<readonly number[]>
  /** Resolves once every user has had so many more answers in a row, without a refusal of any user. */
  undisturbed(answersEach: number): Promise<void>
  /** Ends the load, and asserts that every acknowledged change is there and none was made twice. */
  assertNothingLost(): Promise<void>
}

interface Counts {
  answered: number
  refused: number
}

/** One cookie, on every node. */
class User {
  readonly name: string
  sent = 0
  acknowledged = 0
  inARow = 0
  readonly #clients: readonly Client[]

  constructor(name: string, nodes: readonly string[]) {
    this.name = name
    this.#clients = nodes.map((node) => client(node))
  }

  async ask(path: '/' | '/raise', turn: number): Promise<{ status: number; n: number }> {
    const now = this.#clients[turn % this.#clients.length] as Client
    const { status, body } = await now.get(path)
    for (const each of this.#clients) each.cookie = now.cookie
    return { status, n: Number(path === '/' ? (body as { n?: number } | null)?.n : body) }
  }

  /** How the counter of this user is to be: every acknowledged change is in it, and none was made twice. */
  isPossible(n: number): boolean {
    return n >= this.acknowledged && n <= this.sent
  }
}

const USERS = 12
const PAUSE_MS = 20
/** After a 503, which asks for a second: the load is to be heavier than that of clients that obey. */
const PAUSE_AFTER_REFUSAL_MS = 100
const UNDISTURBED_WITHIN_MS = 60_000

export async function failoverLoad(t: ExecutionContext, options: RedisStoreOptions): Promise<FailoverLoad> {
  const events: StoreEvent[] = []
  const stores = [1, 2].map(() => redisStore({ ...options, onEvent: (event) => events.push(event) }))
  for (const store of stores) t.teardown(() => store.close())
  await Promise.all(stores.map((store) => store.open()))
  const guard = { callTimeoutMs: 2 * (options.timeoutMs ?? 1_000) }
  const nodes = await Promise.all(stores.map((store) => shop(t, ROUTES, { store, guard })))
  const users = Array.from({ length: USERS }, (_, number) => new User(`user ${number}`, nodes))
  const load = { answered: 0, refused: 0, isOver: false }
  const running = Promise.all(users.map((user) => use(t, user, users, load)))
  t.teardown(async () => {
    load.isOver = true
    await running
  })

  return {
    events,
    counts: load,
    warnings: () => stores.flatMap((store) => store.report?.().warnings ?? []),
    look: () => Promise.all(users.map(async (user) => (await user.ask('/', 0)).status)),

    async undisturbed(answersEach) {
      for (const user of users) user.inARow = 0
      const isSo = () => users.every(({ inARow }) => inARow >= answersEach)
      await until('the load to go on undisturbed', isSo, UNDISTURBED_WITHIN_MS)
    },

    async assertNothingLost() {
      load.isOver = true
      await running
      for (const user of users) {
        const { n } = await user.ask('/', 0)
        t.true(user.isPossible(n), `${user.name}: ${n}, ${user.acknowledged} of ${user.sent} acknowledged`)
      }
    },
  }
}

const ROUTES: Record<string, Handler> = {
  '/': (ctx) => ctx.session,
  '/raise': (ctx) => ctx.session?.update((draft) => (draft['n'] = Number(draft['n'] ?? 0) + 1)),
}

async function use(
  t: ExecutionContext,
  user: User,
  all: readonly User[],
  load: Counts & { readonly isOver: boolean },
): Promise<void> {
  for (let turn = 0; !load.isOver; turn++) {
    user.sent++
    const { status, n } = await user.ask('/raise', turn)
    if (status === 200) {
      load.answered++
      user.acknowledged++
      user.inARow++
      if (!user.isPossible(n)) t.fail(`${user.name}: ${n} after ${user.acknowledged} of ${user.sent}`)
    } else {
      t.is(status, 503)
      load.refused++
      for (const each of all) each.inARow = 0
    }
    await sleep(status === 200 ? PAUSE_MS : PAUSE_AFTER_REFUSAL_MS)
  }
}
