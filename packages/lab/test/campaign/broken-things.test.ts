/** What no store beneath a node shows: a balancer, a token and a near-cache that are broken, caught by `prove` alone. */
import test from 'ava'
import { findServer } from '../../src/cluster/servers/index.ts'
import { whyNoPower } from '../../src/power/power.ts'
import { brokenThings, proveBroken } from '../fixtures/broken-things.ts'

/** Timeouts are broken beside the stores as well; `npm run prove:broken` has all of them, in ten seeds each. */
for (const name of ['doubled-posts', 'revoked-tokens', 'reviving-cache']) {
  const thing = brokenThings.find((each) => each.name === name)
  test.serial(`${name}: ${thing?.caughtAs}, and nothing else`, async (t) => {
    if (thing === undefined) return t.fail('there is no such thing')
    const { verdict, kinds, said } = await proveBroken(t, thing, 7)
    t.is(verdict, 'invalid', said)
    t.deepEqual(kinds, [thing.caughtAs], said)
  })
}

const searchPath = process.env['PATH'] ?? ''
const canLosePower = whyNoPower(searchPath) === undefined && findServer('redis', searchPath) !== undefined
const withPower = canLosePower ? test.serial : test.skip

withPower('unsynced-redis says that each write is synced: a loss of power costs sessions', async (t) => {
  const thing = brokenThings.find(({ name }) => name === 'unsynced-redis')
  if (thing === undefined) return t.fail('there is no such thing')
  const { verdict, kinds, said } = await proveBroken(t, thing, 7)
  t.is(verdict, 'invalid', said)
  t.true(kinds.includes('lost-session'), said)
})
