/** Nodes of one application whose sessions are in their cookies: Koa on free ports, one client of all of them. */
import type { ExecutionContext } from 'ava'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { SessionStore } from '../../src/contract.ts'
import type { SessionLayer, SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { tokenStore, type TokenStoreOptions } from '../../src/stores/token/token.ts'
import { type Client, client, type Handler, shop } from './shop.ts'

export const TOKEN_RULES = {
  mode: 'encrypted',
  rollback: 'accept',
  revocationsOutage: 'refuse',
  cacheBytesMax: 1024 * 1024,
  onEvent: undefined,
} as const satisfies Omit<TokenStoreOptions, 'revocations'>

/** What nodes share, though they are in one process. */
export function sharedMemory(clock: Clock = systemClock): SessionStore {
  const store = memoryStore({ clock })
  return { ...store, name: 'shared', capabilities: { ...store.capabilities, shared: 'held' }, close: async () => {} }
}

export interface TokenNode {
  readonly origin: string
  readonly layer: SessionLayer
  /** What the session layer told, the reason of a refusal in place of its name. */
  readonly events: string[]
}

export interface TokenNodeOptions extends Partial<Omit<SessionsOptions, 'store'>> {
  readonly rules?: Partial<TokenStoreOptions>
}

export async function tokenNode(
  t: ExecutionContext,
  routes: Readonly<Record<string, Handler>>,
  { rules, ...options }: TokenNodeOptions = {},
): Promise<TokenNode> {
  const events: string[] = []
  let layer: SessionLayer | undefined
  const store = tokenStore({ ...TOKEN_RULES, revocations: sharedMemory(), ...rules })
  const origin = await shop(
    t,
    routes,
    { store, onEvent: (told) => events.push('reason' in told ? told.reason : told.event), ...options },
    (made) => (layer = made),
  )
  return { origin, layer: layer as SessionLayer, events }
}

/** Nodes that share their revocations. */
export async function tokenNodes(
  t: ExecutionContext,
  count: 2,
  routes: Readonly<Record<string, Handler>>,
  options: TokenNodeOptions = {},
): Promise<[TokenNode, TokenNode]> {
  const rules = { revocations: sharedMemory(options.clock), ...options.rules }
  const nodes = Array.from({ length: count }, () => tokenNode(t, routes, { ...options, rules }))
  return (await Promise.all(nodes)) as [TokenNode, TokenNode]
}

/** The same client at another node. */
export function at(node: TokenNode, { cookie }: Pick<Client, 'cookie'>): Client {
  return client(node.origin, cookie)
}
