/** A whole move through Koa: rolling deployments, with users who change their sessions, only look at them, or log out. */
import test from 'ava'
import type { SessionStore } from '../../../src/contract.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { type MovingStep, movingStore } from '../../../src/stores/moving/moving.ts'
import { delayed } from '../../support/delayed.ts'
import { type Client, client, type Handler, shop } from '../../support/shop.ts'

const USERS = 15

const routes: Record<string, Handler> = {
  '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: ctx.query['name'], n: 0 }),
  '/look': (ctx) => ctx.session,
  '/raise': (ctx) => ctx.session?.update((draft) => (draft['n'] = Number(draft['n']) + 1)),
  '/logout': (ctx) => {
    ctx.session = null
  },
}

/** With calls that overtake each other. */
const shared = (store: SessionStore): SessionStore => ({ ...delayed(store), close: async () => {} })

test('no user is logged out by a move, even if the old store goes as soon as each user was seen at the last step', async (t) => {
  const [from, to] = [memoryStore(), memoryStore()]
  const node = async (step: MovingStep | 'before' | 'after') => {
    const moving = (at: MovingStep) => movingStore({ from: shared(from), to: shared(to), step: at })
    const store = step === 'before' ? shared(from) : step === 'after' ? shared(to) : moving(step)
    return await shop(t, routes, { store })
  }

  const users: { readonly name: string; cookie: string | undefined; n: number }[] = []
  const asked = async (user: { cookie: string | undefined }, origin: string, path: string) => {
    const browser: Client = client(origin, user.cookie)
    const answer = await browser.get(path)
    user.cookie = browser.cookie
    t.is(answer.status === 204 ? 200 : answer.status, 200, path)
    return answer.body as { user?: string; n?: number } | null
  }
  const before = await node('before')
  for (let number = 0; number < USERS; number++) {
    const user = { name: `user-${number}`, cookie: undefined as string | undefined, n: 0 }
    await asked(user, before, `/login?name=${user.name}`)
    users.push(user)
  }

  const deployed = [before]
  for (const step of ['ready', 'move', 'finish', 'after'] as const) {
    deployed.unshift(await node(step))
    // Some nodes have the step before still, while users go from one to another.
    await Promise.all(
      users.map(async (user, number) => {
        const isReader = number % 3 === 0
        for (const origin of [...deployed.slice(0, 2), ...deployed.slice(0, 2)]) {
          if (isReader) t.like(await asked(user, origin, '/look'), { user: user.name, n: user.n })
          else {
            await asked(user, origin, '/raise')
            t.like(await asked(user, origin, '/look'), { user: user.name, n: ++user.n })
          }
        }
      }),
    )
    // And then every node has it.
    await Promise.all(
      users.map(async (user) =>
        t.like(await asked(user, deployed[0] as string, '/look'), { user: user.name, n: user.n }),
      ),
    )
  }

  const [after, finishing] = deployed as [string, string]
  for (const [user, ending, other] of [
    [users[0], after, finishing],
    [users[1], finishing, after],
  ] as const) {
    const stolen = { cookie: user?.cookie }
    await asked({ cookie: stolen.cookie }, ending, '/logout')
    t.deepEqual(await asked(stolen, other, '/look'), {})
  }
})
