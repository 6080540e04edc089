/**
 * The peers: clusters of balancers of others, or session libraries of others, or both; and our own balancer over its other transport.
 * Each is a strategy and three programs, and the lab starts, kills and watches it like one of ours, see
 * `../../harness/cluster-under-test.ts`.
 */
import { fileURLToPath } from 'node:url'
import { findOnPath, ownPrograms, type Programs, readConfig, type Strategy } from '@ninelives/lab'
import { type Contestant, missingStore } from '../../harness/cluster-under-test.ts'
import { programVersion } from '../../harness/peers.ts'

interface Peer {
  readonly name: string
  readonly title: string
  /** Absent: our own. */
  readonly node?: string
  readonly balancer?: string
  readonly routing?: 'affinity'
  readonly packages?: readonly string[]
  /** `installPeers` installs them. */
  readonly installed?: boolean
  /** A program that must be on the PATH, by its name, which is Debian's name too. */
  readonly program?: 'nginx' | 'haproxy'
}

const KOA_SESSION = { node: 'koa-session', packages: ['koa', 'koa-session', 'ioredis'] }
const NGINX = { balancer: 'nginx', program: 'nginx' } as const
const HAPROXY = { balancer: 'haproxy', program: 'haproxy' } as const
const affinity = { routing: 'affinity' } as const
const PLAIN = 'koa-session with ten lines'
const PLAIN_MEMORY = 'koa-session in memory'

const PEERS: readonly Peer[] = [
  { name: 'undici', title: 'our balancer over undici, our nodes over Redis', balancer: 'undici' },
  { name: 'nginx', title: 'nginx, our nodes over Redis', ...NGINX },
  { name: 'nginx-affinity', title: 'nginx by cookie, our nodes in memory', ...NGINX, ...affinity },
  { name: 'nginx-plain', title: `nginx, ${PLAIN} over Redis`, ...NGINX, ...KOA_SESSION },
  { name: 'nginx-plain-affinity', title: `nginx by cookie, ${PLAIN_MEMORY}`, ...NGINX, ...KOA_SESSION, ...affinity },
  { name: 'haproxy', title: 'HAProxy, our nodes over Redis', ...HAPROXY },
  { name: 'haproxy-affinity', title: 'HAProxy by cookie, our nodes in memory', ...HAPROXY, ...affinity },
  { name: 'haproxy-plain', title: `HAProxy, ${PLAIN} over Redis`, ...HAPROXY, ...KOA_SESSION },
  {
    name: 'haproxy-plain-affinity',
    title: `HAProxy by cookie, ${PLAIN_MEMORY}`,
    ...HAPROXY,
    ...KOA_SESSION,
    ...affinity,
  },
  {
    name: 'haproxy-retries-plain',
    title: `HAProxy that retries all errors, ${PLAIN} over Redis`,
    ...KOA_SESSION,
    balancer: 'haproxy-retries',
    program: 'haproxy',
  },
  { name: 'koa-session', title: `our balancer, ${PLAIN} over Redis`, ...KOA_SESSION },
  {
    name: 'koa-redis',
    title: 'our balancer, koa-session with koa-redis',
    node: 'koa-redis',
    packages: ['koa-redis'],
    installed: true,
  },
  {
    name: 'express-session',
    title: 'our balancer, express-session with connect-redis',
    node: 'express-session',
    packages: ['express', 'express-session', 'connect-redis', 'redis'],
    installed: true,
  },
  {
    name: 'fastify-session',
    title: 'our balancer, @fastify/session with connect-redis',
    node: 'fastify-session',
    packages: ['fastify', '@fastify/session', 'connect-redis', 'redis'],
    installed: true,
  },
  {
    name: 'http-proxy',
    title: 'bare http-proxy, our nodes over Redis',
    balancer: '../bare-http-proxy',
    packages: ['http-proxy'],
  },
  {
    name: 'http-proxy-plain',
    title: `bare http-proxy, ${PLAIN} over Redis`,
    ...KOA_SESSION,
    balancer: '../bare-http-proxy',
    packages: ['http-proxy', ...KOA_SESSION.packages],
  },
]

/** All of them; those that this machine lacks have `missing` set. */
export function peers(environment: NodeJS.ProcessEnv = process.env): readonly Contestant[] {
  return PEERS.map((peer) => contestant(peer, environment))
}

function contestant(peer: Peer, environment: NodeJS.ProcessEnv): Contestant {
  const { name, title, packages = [], installed = false } = peer
  const strategy = strategyOf(peer)
  const missing = whyMissing(peer, strategy, environment)
  const common = { name, title, role: 'peer', strategy, programs: programsOf(peer), packages, installed } as const
  return missing === undefined ? { ...common, ...versions(peer) } : { ...common, missing }
}

function versions({ program }: Peer): Pick<Contestant, 'versions'> {
  const version = program === undefined ? undefined : programVersion(program)
  return program === undefined || version === undefined ? {} : { versions: { [program]: version } }
}

/** As the lab's trace describes it. */
function strategyOf({ name, title, routing }: Peer): Strategy {
  const common = { name, summary: title }
  return routing === 'affinity'
    ? { ...common, routing, store: 'memory:', onNodeDeath: "sessions are in each node's memory" }
    : { ...common, routing: 'round-robin', store: { server: 'redis' }, onNodeDeath: 'sessions are in Redis' }
}

function programsOf({ node, balancer }: Peer): Programs {
  return {
    ...ownPrograms(),
    ...(node === undefined ? {} : { node: file(node) }),
    ...(balancer === undefined ? {} : { balancer: file(balancer) }),
  }
}

function file(name: string): string {
  return fileURLToPath(new URL(`${name}.ts`, import.meta.url))
}

function whyMissing({ program }: Peer, strategy: Strategy, environment: NodeJS.ProcessEnv): string | undefined {
  if (program !== undefined && findOnPath(program, readConfig(environment).searchPath) === undefined) {
    return `it needs ${program} on the PATH (Debian: apt-get install ${program})`
  }
  return missingStore(strategy, environment)
}
