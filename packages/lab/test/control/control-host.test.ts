/** The live page at another address of the machine. 127.0.0.2 is one on Linux, and no network reaches it. */
import test, { type ExecutionContext } from 'ava'
import { type Ask, ask } from '../fixtures/ask.ts'
import { openedLab, startedLab } from '../fixtures/open-lab.ts'

const HOST = '127.0.0.2'
const onLinux = process.platform === 'linux' ? test : test.skip

async function labWithHost(t: ExecutionContext) {
  const lab = await startedLab(t, { host: HOST })
  const link = new URL(lab.control.elsewhereUrl ?? '')
  const elsewhere = { control: { ...lab.control, url: link.origin } }
  const token = /^#token=([\w-]{22})$/.exec(link.hash)?.[1] ?? ''
  return { lab, elsewhere, token, origin: link.origin, host: link.host }
}

const bearer = (token: string): Ask => ({ headers: { Authorization: `Bearer ${token}` } })
const kill = { kind: 'kill', target: 'b' }

onLinux('at another address every request to the API needs the token, and on loopback none does', async (t) => {
  const { lab, elsewhere, token } = await labWithHost(t)
  const table: [string, string, Ask][] = [
    ['GET', '/api/cluster', {}],
    ['GET', '/api/events', {}],
    ['GET', '/beside/api/events', {}],
    ['GET', '/api/nothing', {}],
    ['POST', '/api/faults', { body: kill }],
    ['POST', '/api/strategy', { body: { strategy: 'memory' } }],
    ['POST', '/api/entrance', {}],
    ['GET', `/api/cluster?token=${token}`, {}],
    ['GET', '/api/cluster', bearer(`${token}x`)],
    ['GET', '/api/cluster', bearer(token.slice(0, -1))],
    ['GET', '/api/cluster', { headers: { Authorization: `Basic ${token}` } }],
    ['GET', '/api/cluster', { headers: { Cookie: `ninelives-lab-1=${token}` } }],
  ]
  for (const [method, path, how] of table) {
    const { status, json } = await ask(elsewhere, method, path, how)
    t.deepEqual([status, json.error.code], [401, 'TOKEN_NEEDED'], `${method} ${path} ${JSON.stringify(how)}`)
  }
  t.is((await ask(elsewhere, 'GET', '/')).status, 200, 'the page itself holds nothing')
  t.is((await ask(elsewhere, 'GET', '/api/cluster', bearer(token))).status, 200)
  const { status, json } = await ask(lab, 'GET', '/api/cluster')
  t.is(status, 200)
  t.deepEqual(
    json.nodes.map(({ state }) => state),
    ['up', 'up'],
  )
})

onLinux('the token becomes a cookie for this address alone, which no script reads', async (t) => {
  const { elsewhere, token } = await labWithHost(t)
  const entered = await ask(elsewhere, 'POST', '/api/entrance', bearer(token))
  t.is(entered.status, 204)
  const [cookie = ''] = entered.headers['set-cookie'] as string[]
  t.regex(cookie, /; HttpOnly; SameSite=Strict; Path=\/$/)
  const Cookie = cookie.split(';', 1).join()
  t.is((await ask(elsewhere, 'GET', '/api/cluster', { headers: { Cookie } })).status, 200)
  const again = await ask(elsewhere, 'POST', '/api/entrance', { headers: { Cookie } })
  t.is(again.status, 401, 'the cookie buys no other cookie')
})

onLinux('neither another name nor another page gets in with the token', async (t) => {
  const { lab, elsewhere, token, origin, host } = await labWithHost(t)
  const { headers } = bearer(token)
  const port = host.split(':')[1]
  for (const Host of ['evil.example', `evil.example:${port}`, 'localhost', `127.0.0.1:${port}`, HOST, `${host}.evil`]) {
    const { status, json } = await ask(elsewhere, 'GET', '/api/cluster', { headers: { ...headers, Host } })
    t.deepEqual([status, json.error.code], [403, 'HOST_NOT_ALLOWED'], Host)
  }
  t.is(
    (await ask(lab, 'GET', '/api/cluster', { headers: { Host: host } })).status,
    403,
    'nor does loopback answer to it',
  )
  for (const Origin of ['http://evil.example', 'null', `http://${HOST}:1`, origin.replace('http:', 'https:')]) {
    const { status, json } = await ask(elsewhere, 'POST', '/api/faults', {
      headers: { ...headers, Origin },
      body: kill,
    })
    t.deepEqual([status, json.error.code], [403, 'CROSS_SITE'], Origin)
  }
  const own = await ask(elsewhere, 'POST', '/api/faults', { headers: { ...headers, Origin: origin }, body: kill })
  t.is(own.status, 201)
})

test('without a host there is no other address and no token', async (t) => {
  const lab = await openedLab(t)
  t.is(lab.control.elsewhereUrl, undefined)
  t.is((await ask(lab, 'POST', '/api/entrance')).status, 404)
})

test('an address of another machine is refused, with the addresses of this one', async (t) => {
  const error = await t.throwsAsync(openedLab(t, { host: '192.0.2.1' }))
  t.regex(error?.message ?? '', /--host 192\.0\.2\.1 is no address of this machine; it has /)
})
