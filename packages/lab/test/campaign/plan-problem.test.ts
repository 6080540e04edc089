/** What is known of a planned fault before there is a cluster. */
import test from 'ava'
import type { ServerName } from '@ninelives/history'
import { nodeNames, waysOf } from '../../src/cluster/addresses.ts'
import { parsePlanned } from '../../src/campaign/planned.ts'
import { planProblem } from '../../src/campaign/plan-problem.ts'
import { serverKinds } from '../../src/cluster/servers/index.ts'
import { findStrategy, strategies } from '../../src/strategies.ts'

function problemOf(planned: string, name: string, count = 3, server: ServerName = 'redis'): string | undefined {
  const strategy = findStrategy(name)
  const parsed = parsePlanned(planned)
  if (strategy === undefined || parsed === undefined) throw new Error(`${planned} with ${name} is none`)
  const kind = name === 'redis' ? serverKinds[server] : undefined
  const nodes = nodeNames(count)
  const store = kind === undefined ? {} : { server: { kind, program: 'store-server' }, replica: true }
  const edges = waysOf({ strategy, ...store }, nodes)
  return planProblem(parsed, { nodes, users: 10, server: kind, edges })
}

test('a possible fault is planned', (t) => {
  const kinds = ['kill', 'kill@b', 'pause@all', 'crash@owner', 'stall@owner:user-9', 'drain@minority', 'rolling']
  const edges = ['latency', 'cut@balancer>a', 'cut@*>a']
  for (const { name } of strategies) {
    for (const planned of [...kinds, ...edges]) t.is(problemOf(planned, name), undefined, `${planned} with ${name}`)
  }
  for (const planned of ['kill@store', 'pause@store', 'amnesia', 'failover', 'cut@*>store', 'hold@store>replica'])
    t.is(problemOf(planned, 'redis'), undefined, planned)
  for (const planned of ['cut@a>b', 'partition', 'partition@minority'])
    t.is(problemOf(planned, 'clustered'), undefined, planned)
  t.is(problemOf('partition@all', 'redis'), undefined)
})

const never = test.macro((t, planned: string, name: string, count: number, why: RegExp) => {
  t.regex(String(problemOf(planned, name, count)), why)
})

const groups = 'random, all, minority, owner, owner:user-0 to owner:user-9'
test(
  'an unknown node',
  never,
  'kill@z',
  'redis',
  2,
  new RegExp(`^there is no node "z"; kill takes a, b, ${groups}, store$`),
)
test(
  'a store that the lab did not start',
  never,
  'pause@store',
  'sticky',
  3,
  /^there is no store server that the lab starts; pause takes /,
)
test('a store for a fault of nodes', never, 'stall@store', 'redis', 3, /^stall falls on a node, and "store" is none; /)
test(
  'a node for a fault of the store',
  never,
  'amnesia@a',
  'redis',
  3,
  /^amnesia falls on a store, .*; amnesia takes store$/,
)
test('a minority of two', never, 'kill@minority', 'sticky', 2, /^2 nodes have no minority; /)
test('an unknown user', never, 'kill@owner:user-10', 'sticky', 3, /^there is no user "user-10"; /)
test('a text that is no edge', never, 'cut@a', 'redis', 1, /^"a" is no edge; cut takes random, balancer>a, a>store/)
test('nodes that do not talk to each other', never, 'cut@a>b', 'redis', 3, /^there is no edge "a>b"; /)
test('a store without edges', never, 'cut@a>store', 'memory', 3, /^there is no edge "a>store"; /)
test(
  'nodes with nothing between them',
  never,
  'partition',
  'sticky',
  3,
  /^nothing leads to another .*; partition takes nodes that /,
)
test(
  'all nodes, which leaves no other side',
  never,
  'partition@all',
  'replicated',
  3,
  /^nothing leads to another .*; partition takes a, b/,
)
test('a single node', never, 'partition', 'replicated', 1, /^nothing leads to another /)

test('a fault that a kind of server can not have', (t) => {
  t.regex(problemOf('failover', 'redis', 3, 'memcached') ?? '', /^Memcached has no replicas; failover takes store$/)
  t.is(problemOf('amnesia', 'redis', 3, 'memcached'), undefined)
  t.is(problemOf('failover', 'redis', 3, 'postgres'), undefined)
})
