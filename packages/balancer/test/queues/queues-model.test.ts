/** Requests, failures, nodes and capacities in random order: the queues lose no request, keep the order and never go round. */
import { fail } from 'node:assert'
import fc from 'fast-check'
import test from 'ava'
import { RandomTraffic } from '../fixtures/traffic/random-traffic.ts'

const RUNS = 300

const name = fc.constantFrom('a', 'b', 'c')
const session = fc.constantFrom(undefined, 's', 't')
const which = fc.nat({ max: 9 })
const fate = fc.constantFrom('answered', 'answered', 'declined', 'broken', 'refused', 'unreached')
const outcome = fc.constantFrom('ready', 'ready', 'unready', 'refused', 'failed', 'late')

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('arrives'), session, home: fc.option(name, { nil: undefined }) } as const),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ends'), which, fate } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('leaves waiting', 'leaves'), which } as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('probe'), name, outcome } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('removes', 'adds'), name } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('limit'), max: fc.integer({ min: 1, max: 3 }) } as const) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function takes(traffic: RandomTraffic, each: Step): Promise<void> {
  switch (each.do) {
    case 'arrives':
      return traffic.arrives(each.session, each.home)
    case 'ends':
    case 'leaves':
    case 'leaves waiting': {
      const { underWay, waiting } = traffic
      const among = each.do === 'leaves waiting' ? waiting : underWay
      const request = among[each.which % Math.max(1, among.length)]
      if (request === undefined) return
      return each.do === 'ends' ? traffic.ends(request, each.fate) : traffic.leaves(request)
    }
    case 'probe': {
      const { outcome } = each
      if (outcome === 'late') return traffic.probe(each.name, outcome)
      const isOut = outcome === 'refused' || outcome === 'failed'
      return traffic.probe(each.name, isOut ? { result: outcome, reason: 'said by the test' } : { result: outcome })
    }
    case 'removes':
      return traffic.removes(each.name)
    case 'adds':
      return traffic.adds(each.name)
    case 'limit':
      return traffic.limit(each.max)
  }
}

/** All nodes are well again and answer everything: no request is left. */
async function endsWell(traffic: RandomTraffic): Promise<void> {
  for (const each of ['a', 'b', 'c']) {
    await traffic.adds(each)
    traffic.probe(each, { result: 'ready' })
  }
  for (let round = 0; traffic.requests.some(({ isOver }) => !isOver); round += 1) {
    await traffic.settles()
    if (round > traffic.requests.length) fail('a request is never served')
    for (const request of traffic.underWay) traffic.ends(request, 'answered')
  }
}

test('no sequence loses a request, overtakes one, exceeds a capacity or goes round', async (t) => {
  const sequences = fc.array(step, { minLength: 10, maxLength: 60 })
  const routings = fc.constantFrom('round-robin', 'affinity')
  const holds = fc.asyncProperty(routings, sequences, async (routing, steps) => {
    const traffic = new RandomTraffic(routing)
    try {
      await traffic.open()
      for (const each of steps) {
        await takes(traffic, each)
        await traffic.settles()
      }
      await endsWell(traffic)
    } finally {
      traffic.close()
    }
  })
  await t.notThrowsAsync(fc.assert(holds, { numRuns: RUNS, includeErrorInReport: true }))
})
