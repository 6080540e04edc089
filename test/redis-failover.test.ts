/**
 * Sessions in Redis, and nodes that die under load, half of it requests that change something and carry no key: the balancer
 * sends again what the dead node held, and nothing fails, is lost or happens twice.
 */
import test from 'ava'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { redisMissing } from '../packages/node/test/support/redis-server.ts'
import { crashOne, killOne, survives } from './support/deaths.ts'

const onRedis = redisMissing === undefined ? test.serial : test.serial.skip
if (redisMissing !== undefined) test.skip(`redis: ${redisMissing}`, () => {})

const FAULTS = [
  ['nodes are killed', killOne],
  ['nodes die before the commit', crashOne('before-commit')],
  ['nodes die after the commit, before the answer', crashOne('after-commit')],
] as const

for (const [title, fault] of FAULTS) {
  onRedis(`redis, two tabs a user: ${title}`, async (t) => {
    await survives(t, await runUp(t, '--strategy', 'redis', '--users', '0'), 2, fault)
  })
}
