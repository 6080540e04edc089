/**
 * A session bound to the client that logged in: the browser it said it was, and the network it came from. A cookie that is
 * used elsewhere is noticed if browser or network look different. That stops no attacker who has the same kind of browser on
 * the same network, so binding is optional, and each of the two has its own policy.
 *
 * What is kept is a keyed hash of each, in the session's field `boundTo`: a reader of the store learns neither. Version
 * numbers are left out of the browser's name, or every update of a browser would look like a theft.
 *
 * The application says when to bind, at login once the password was right. Binding by itself, on whatever request comes
 * first or after any request to a login route, would bind the session to the thief.
 */
import { createHmac } from 'node:crypto'
import type Koa from 'koa'
import { signingKeysRule } from '../secrets/signing-keys.ts'
import { SessionError } from '../errors.ts'
import { sameDigest } from '../secrets/id.ts'
import { needsNoSession } from '../koa/request-state.ts'
import { networkOf, type NetworkSize, networkSizeRules } from '../network.ts'
import { assertGiven, checkedOptions, type Rules, take } from '../options.ts'

/** What to do about a client that looks different: nothing, refuse it until it logs in again, or end the session. */
export type BindingPolicy = 'ignore' | 're-authenticate' | 'end'

export interface SessionBindingOptions {
  /** Secrets that key the hashes, newest first; those that sign the cookie will do. */
  readonly keys: readonly (string | undefined)[]
  /** When the browser is another one. Default `re-authenticate`. */
  readonly agent?: BindingPolicy
  /** When the network is another one. Default `ignore`: phones change theirs all day. */
  readonly network?: BindingPolicy
  /** How much of an address is the network. Default 24 bits of IPv4, 56 of IPv6. */
  readonly networkSize?: Partial<NetworkSize>
  /** Requests that a client may make to log in again (or out), which are let through under `re-authenticate`. */
  readonly isLogin?: (ctx: Koa.Context) => boolean
}

export interface Client {
  /** Its `User-Agent`. */
  readonly agent: string
  readonly address: string
}

export interface Binder {
  /** What to keep of a client. */
  mark(client: Client): string
  judge(mark: unknown, client: Client): Verdict
}

export interface Verdict {
  /** What the policies say to a session with this mark in the hands of this client. */
  readonly policy: BindingPolicy
  /** The mark anew, when it is this very client's but was made with an older key. */
  readonly renewed?: string
}

export interface SessionBinding {
  /** Middleware for right after `sessions()`. */
  readonly guard: Koa.Middleware
  /** At login: from now on the session is this client's. */
  readonly bind: (ctx: Koa.Context) => void
}

/** The field of the session that holds the mark; not for the application. */
export const BINDING_FIELD = 'boundTo'

/** The client looks different from the one that logged in. The session is as it was, and a login goes on with it. */
export class ReauthenticationError extends SessionError {
  constructor() {
    super('REAUTHENTICATE', 401, 'Log in again: this session was begun elsewhere.')
  }
}

/** The client looks different from the one that logged in, and the session has been ended. */
export class SessionMovedError extends SessionError {
  constructor() {
    super('SESSION_MOVED', 401, 'The session has ended: it was begun elsewhere.')
  }
}

const PURPOSE = 'ninelives session binding 1'
const AGENT_CHARS_MAX = 512
const KEY_TAG_CHARS = 4
const DIGEST_CHARS = 22
/** The strictest last. */
const POLICIES: readonly BindingPolicy[] = ['ignore', 're-authenticate', 'end']

const policyRule = take.oneOf('ignore', 're-authenticate', 'end')
const rules: Rules<SessionBindingOptions> = {
  keys: signingKeysRule,
  agent: policyRule,
  network: policyRule,
  networkSize: take.options(networkSizeRules),
  isLogin: take.function,
}

export function sessionBinding(options: SessionBindingOptions): SessionBinding {
  const { isLogin = () => false } = options
  const binder = sessionBinder(options)

  return {
    async guard(ctx, next) {
      if (needsNoSession(ctx)) return await next()
      const mark = (ctx.session as object as Partial<Record<string, unknown>> | null)?.[BINDING_FIELD]
      if (mark === undefined) return await next()
      const { policy, renewed } = binder.judge(mark, clientOf(ctx))
      if (policy === 'end') {
        ctx.session = null
        throw new SessionMovedError()
      }
      if (policy === 're-authenticate' && !isLogin(ctx)) throw new ReauthenticationError()
      if (renewed !== undefined && !ctx.sessionOutage) Object.assign(ctx.session ?? {}, { [BINDING_FIELD]: renewed })
      await next()
    },

    bind(ctx) {
      Object.assign(ctx.session ?? {}, { [BINDING_FIELD]: binder.mark(clientOf(ctx)) })
    },
  }
}

export function sessionBinder(given: SessionBindingOptions): Binder {
  const options = checkedOptions('sessionBinding()', given, rules)
  assertGiven('sessionBinding()', options, 'keys')
  const { agent: agentPolicy = 're-authenticate', network: networkPolicy = 'ignore' } = options
  const size = { ipv4Bits: 24, ipv6Bits: 56, ...options.networkSize }
  const keys = (options.keys as string[]).map((key) => ({ key, tag: digest(key, 'key', '').slice(0, KEY_TAG_CHARS) }))
  const newest = keys[0] as Key

  const marked = ({ agent, address }: Client, { key, tag }: Key): Mark => ({
    keyTag: tag,
    agent: digest(key, 'agent', withoutVersions(agent)),
    network: digest(key, 'network', networkOf(address, size)),
  })

  return {
    mark: (client) => textOf(marked(client, newest)),

    judge(mark, client) {
      const kept = parsed(mark)
      const key = kept && keys.find(({ tag }) => tag === kept.keyTag)
      // No mark, or one made with a key that is gone: it can't be known whether this is the same client.
      if (kept === undefined || key === undefined) return { policy: stricter(agentPolicy, networkPolicy) }
      const now = marked(client, key)
      const sameAgent = sameDigest(kept.agent, now.agent)
      const sameNetwork = sameDigest(kept.network, now.network)
      const policy = stricter(sameAgent ? 'ignore' : agentPolicy, sameNetwork ? 'ignore' : networkPolicy)
      return sameAgent && sameNetwork && key !== newest
        ? { policy, renewed: textOf(marked(client, newest)) }
        : { policy }
    },
  }
}

interface Key {
  readonly key: string
  readonly tag: string
}

interface Mark {
  /** Tells which key the hashes were made with. */
  readonly keyTag: string
  readonly agent: string
  readonly network: string
}

function textOf({ keyTag, agent, network }: Mark): string {
  return `${keyTag}.${agent}.${network}`
}

function stricter(one: BindingPolicy, other: BindingPolicy): BindingPolicy {
  return POLICIES.indexOf(one) > POLICIES.indexOf(other) ? one : other
}

function parsed(mark: unknown): Mark | undefined {
  const parts = typeof mark === 'string' ? mark.split('.') : []
  const [keyTag, agent, network] = parts
  return keyTag === undefined || agent === undefined || network === undefined ? undefined : { keyTag, agent, network }
}

function digest(key: string, what: string, value: string): string {
  return createHmac('sha256', key).update(`${PURPOSE}|${what}|${value}`).digest('base64url').slice(0, DIGEST_CHARS)
}

function withoutVersions(agent: string): string {
  return agent.slice(0, AGENT_CHARS_MAX).replaceAll(/\d+(?:[._]\d+)*/g, '')
}

function clientOf(ctx: Koa.Context): Client {
  return { agent: ctx.get('User-Agent'), address: ctx.ip }
}
