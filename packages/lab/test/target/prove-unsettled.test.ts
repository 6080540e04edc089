/** The users' process dies while every user looks for the last time: what was recorded before is judged. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, type Verdict } from '@ninelives/history'
import { until } from '../../src/wait.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'
import { testShop } from '../fixtures/shop.ts'

const LOSS_AT = 40

/** In a shop that loses every session once, or none. */
async function proven(t: ExecutionContext, loses: boolean): Promise<{ code: unknown; verdict: Verdict }> {
  const shop = await testShop(t)
  const directory = scratch(t)
  const load = ['--users', '6', '--rate', '60', '--tabs', '1', '--seed', '5', '--kills', '0', '--logs', directory]
  const proof = run(t, ['prove', '--target', shop.url.href, ...load])
  const isLooking = (): boolean => /Every user looks/.test(proof.output.stdout)
  shop.meddle = ({ url }) => {
    if (loses && shop.requests.length === LOSS_AT) shop.carts.clear()
    // Without answers the last look goes on until its process is killed.
    return isLooking() && url === '/api/cart'
  }
  await until(isLooking, { deadlineMs: 120_000, what: 'the last look' })
  const { events } = decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8'))
  const users = events.find((event) => event.type === 'process-up' && event.process === 'users')
  process.kill(users?.type === 'process-up' ? users.pid : Number.NaN, 'SIGKILL')
  const code = await proof.exited
  t.regex(proof.output.stdout, /the virtual users did not finish their last look in time\n/)
  return { code, verdict: JSON.parse(readFileSync(`${directory}/verdict.json`, 'utf8')) as Verdict }
}

test('what is proven by then makes the run invalid', async (t) => {
  const { code, verdict } = await proven(t, true)
  t.is(code, 1)
  t.true(verdict.anomalies.some(({ kind }) => kind === 'lost-session'))
})

test('otherwise the run is unknown, and says why', async (t) => {
  const { code, verdict } = await proven(t, false)
  t.deepEqual(verdict.anomalies, [])
  t.true(verdict.doubts.includes('the run was cut short: the virtual users did not finish their last look in time'))
  t.is(code, 3)
})
