/** A system that answers, and refuses what its users could lose: a run of it proves nothing. */
import test, { type ExecutionContext } from 'ava'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'
import { testShop } from '../fixtures/shop.ts'

/** Refuses these requests from the end of the interface check on. Resolves to what `prove` prints. */
async function proven(t: ExecutionContext, refuses: RegExp): Promise<{ code: unknown; stdout: string }> {
  const shop = await testShop(t)
  let isChecked = false
  shop.meddle = ({ method, url }, response) => {
    if (isChecked && refuses.test(`${method} ${url}`)) {
      response.writeHead(503).end('{"error":{"code":"STORE_UNAVAILABLE","message":""}}')
      return true
    }
    isChecked ||= url === '/api/logout'
    return false
  }
  const load = ['--users', '6', '--rate', '60', '--tabs', '1', '--seed', '5', '--kills', '0', '--logs', scratch(t)]
  const proof = run(t, ['prove', '--target', shop.url.href, ...load])
  const code = await proof.exited
  t.is(proof.output.stderr, '')
  return { code, stdout: proof.output.stdout }
}

test('a run in which no user could log in is unknown', async (t) => {
  const { code, stdout } = await proven(t, /./)
  t.regex(stdout, /Operations +0 ok, /)
  t.regex(stdout, /In doubt +of \d+ logins?, not one succeeded\n/)
  t.regex(stdout, /Verdict +unknown\n/)
  t.is(code, 3)
})

test('a run in which no write was acknowledged is unknown', async (t) => {
  const { code, stdout } = await proven(t, /^POST \/api\/(cart|counter)$/)
  t.regex(stdout, /In doubt +of \d+ puts?, not one succeeded\n/)
  t.regex(stdout, / of \d+ counts?, not one succeeded\n/)
  t.is(code, 3)
})
