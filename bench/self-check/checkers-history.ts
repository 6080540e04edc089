/** A valid history as the virtual users leave it, generated line by line: logins, puts, looks, counts, forged cookies, logouts. */
import { seededRandom } from '@ninelives/lab'
import type { EventBody, OperationKind } from '@ninelives/history'

export interface MadeUp {
  readonly users: number
  readonly operations: number
  readonly seed: number
}

interface User {
  readonly name: string
  visit: number
  inside: boolean
  looksNext: boolean
  count: number
  items: [string, number][]
}

const CART_ITEMS_MAX = 20
const COUNT_SHARE = 0.1
const FORGE_SHARE = 0.2
const GAP_MS = 0.5
const TOOK_MS = 3

export function* madeUpHistory({ users: howMany, operations, seed }: MadeUp): Generator<string, void> {
  const random = seededRandom(seed)
  const users = Array.from({ length: howMany }, (_, n): User => {
    return { name: `user-${n}`, visit: 0, inside: false, looksNext: false, count: 0, items: [] }
  })
  let seq = 0
  const event = (atMs: number, body: EventBody): string => JSON.stringify({ seq: seq++, atMs, ...body })
  yield event(0, START)
  for (let op = 0; op < operations; op++) {
    const user = users[Math.floor(random() * howMany)]
    if (user === undefined) continue
    const sentAtMs = op * GAP_MS
    const { kind, ...about } = next(user, random)
    const { sku, ...ending } = about
    const { name, visit } = user
    const session = `c${visit}.${name}`
    const sending = { user: name, visit, tab: 0, kind, ...(sku === undefined ? {} : { sku }), session }
    yield event(sentAtMs, { type: 'operation-sent', op, ...sending, dueAtMs: sentAtMs, sentAtMs, lateMs: 0.1 })
    yield event(sentAtMs, {
      type: 'operation-ended',
      op,
      endedAtMs: sentAtMs + GAP_MS / TOOK_MS,
      outcome: 'ok',
      node: 'a',
      session: kind === 'login' ? `${session}.in` : session,
      ...ending,
    })
  }
  yield event(operations * GAP_MS, { type: 'run-ended', reason: 'made up' })
}

interface Doing {
  readonly kind: OperationKind
  readonly sku?: string
  readonly as?: string
  readonly items?: readonly (readonly [string, number])[]
  readonly count?: number
}

function next(user: User, random: () => number): Doing {
  const { name } = user
  if (!user.inside) {
    user.visit++
    Object.assign(user, { inside: true, count: 0, items: [] })
    return { kind: 'login', as: name }
  }
  if (user.looksNext) {
    user.looksNext = false
    return { kind: 'read', as: name, items: [...user.items] }
  }
  if (user.items.length >= CART_ITEMS_MAX) {
    user.inside = false
    return { kind: 'logout' }
  }
  const choice = random()
  if (choice < COUNT_SHARE) return { kind: 'count', count: ++user.count }
  if (choice < FORGE_SHARE) return { kind: 'forge' }
  const sku = `1-a.${name}.${user.visit}.${user.items.length + 1}`
  user.items.push([sku, 1])
  user.looksNext = true
  return { kind: 'put', sku, as: name, items: [...user.items] }
}

const START: EventBody = {
  type: 'run-started',
  schema: 1,
  run: 'made-up',
  startedAtMs: 0,
  seed: 1,
  strategy: { name: 'made up', routing: '', summary: '', onNodeDeath: '' },
  store: '',
  balancerUrl: '',
  nodes: [],
  users: 0,
  rate: 0,
}
