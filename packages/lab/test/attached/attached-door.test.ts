/** The control API of an attached lab breaks nodes. Beyond loopback it takes requests with its token alone. */
import test, { type ExecutionContext } from 'ava'
import { until } from '../../src/index.ts'
import { type Ask, ask } from '../fixtures/ask.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const LAB_SECRET = 'the secret of a lab for its tests'
const bearer = (token: string): Ask => ({ headers: { Authorization: `Bearer ${token}` } })

/** Before its cluster is there. Resolves to the link that it shows. */
async function linkOf(t: ExecutionContext, host: string, environment: NodeJS.ProcessEnv = {}): Promise<URL> {
  const address = ['--control-host', host, '--control-port', '0', '--logs', scratch(t)]
  const attached = run(t, ['attach', '--nodes-url', 'a=http://127.0.0.1:9', ...address], { LAB_SECRET, ...environment })
  const link = (): string | undefined => /live page is on (\S+)\. /.exec(attached.output.stdout)?.[1]
  await until(() => link() !== undefined, { deadlineMs: 60_000, what: 'the link' })
  return new URL(link() ?? '')
}

test('at every address of the machine each request needs the token, whatever its Host', async (t) => {
  const { origin: url, hash } = await linkOf(t, '0.0.0.0')
  const [, token = ''] = /^#token=([\w-]{22})$/.exec(hash) ?? []
  const lab = { control: { url, close: () => Promise.resolve() } }
  for (const how of [{}, bearer(`${token}x`), { headers: { Host: 'localhost' } }]) {
    const { status, json } = await ask(lab, 'POST', '/api/faults', { ...how, body: { kind: 'kill', target: 'a' } })
    t.deepEqual([status, json.error.code], [401, 'TOKEN_NEEDED'], JSON.stringify(how))
  }
  t.is((await ask(lab, 'GET', '/api/cluster', bearer(token))).status, 200)
  const elsewhere = { ...bearer(token).headers, Host: 'evil.example' }
  t.is((await ask(lab, 'GET', '/api/cluster', { headers: elsewhere })).status, 403)

  const { headers } = await ask(lab, 'POST', '/api/entrance', bearer(token))
  const Cookie = String((headers['set-cookie'] as string[])[0]?.split(';', 1))
  t.is((await ask(lab, 'GET', '/api/cluster', { headers: { Cookie } })).status, 200, 'a page asks by its cookie')
  t.true(Cookie.startsWith(`ninelives-lab-${new URL(url).port}=`))
})

test('the token of CONTROL_TOKEN stays the same', async (t) => {
  const link = await linkOf(t, '0.0.0.0', { CONTROL_TOKEN: 'a-token-that-compose-made' })
  t.is(link.hash, '#token=a-token-that-compose-made')
})

test('on loopback no token is needed', async (t) => {
  const { origin: url, hash } = await linkOf(t, '127.0.0.1')
  t.is(hash, '')
  t.is((await ask({ control: { url, close: () => Promise.resolve() } }, 'GET', '/api/cluster')).status, 200)
})

test('a token that fits no header is refused, and not shown', async (t) => {
  const command = run(t, ['attach'], { LAB_SECRET, CONTROL_TOKEN: 'too short' })
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /CONTROL_TOKEN has 9 characters, and takes 22 to 128 of A-Z, a-z, 0-9, _ and -/)
})
