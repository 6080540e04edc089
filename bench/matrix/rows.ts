/** The rows of the matrix: every strategy of ours, and what else people run. */
import { strategies } from '@ninelives/lab'
import { type Contestant, contestantOf } from '../harness/cluster-under-test.ts'
import { peers } from '../peers/cluster/index.ts'

const PEERS = [
  'haproxy-plain',
  'haproxy-retries-plain',
  'nginx-plain',
  'koa-redis',
  'express-session',
  'fastify-session',
  'haproxy-plain-affinity',
  'nginx-plain-affinity',
]

/** In the order of the picture. */
export function rows(): readonly Contestant[] {
  const ours = strategies.flatMap((strategy) =>
    strategy.name === 'database'
      ? [contestantOf(strategy), contestantOf(strategy, 'postgres')]
      : contestantOf(strategy),
  )
  const all = peers()
  return [...ours, ...PEERS.flatMap((name) => all.find((peer) => peer.name === name) ?? [])]
}
