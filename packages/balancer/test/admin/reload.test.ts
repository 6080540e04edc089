/** The configuration is read again, at SIGHUP or by the admin API, without harm to any connection. */
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { startBalancer, startNode } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const TOKEN = 'the token of this test'.replaceAll(' ', '-')
const HEADERS = { authorization: `Bearer ${TOKEN}`, 'content-length': 0 }

async function configFile(t: ExecutionContext, lines: readonly string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-balancer-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const path = join(directory, 'balancer.conf')
  const write = (next: readonly string[]) => writeFileSync(path, `${next.join('\n')}\n`)
  write(lines)
  return { path, write }
}

test('upstreams and limits change while a connection and a WebSocket stand', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const file = await configFile(t, ['# the nodes', '', `UPSTREAMS = a=${a.url}`])
  const env = { PORT: '0', ADMIN_PORT: '0', ADMIN_TOKEN: TOKEN, CONFIG_FILE: file.path, SLOW_START_MS: '0' }
  const balancer = startBalancer(t, env)
  const { url, adminUrl } = await balancer.ready
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const servedBy = async () => (await ask(url, { agent })).headers['x-served-by']
  t.is(await servedBy(), 'a')
  const socket = await rawClient(t, Number(new URL(url).port))
  socket.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '')
  await socket.receives(/ 101 /)
  const slow = ask(`${url}/slow?ms=1000`)
  await until(async () => (await ask(`${a.url}/seen`)).body.includes('slow'), { what: 'the slow request to arrive' })

  file.write([`UPSTREAMS=a=${a.url},b=${b.url};weight=3`, 'SERVER_TIMING=true'])
  t.is((await ask(`${adminUrl}/reload`, { method: 'POST', headers: HEADERS })).status, 200)
  const seen = new Set([await servedBy(), await servedBy(), await servedBy(), await servedBy()])
  t.true(seen.has('a') && seen.has('b'))
  t.regex(
    String((await ask(url, { agent })).headers['server-timing']),
    /^balancer;dur=[\d.]+, upstream;dur=[\d.]+;desc="[ab]"/,
  )
  socket.send('\x81\x05hello')
  await socket.receives(/hello$/)

  file.write([`UPSTREAMS=b=${b.url}`])
  balancer.child.kill('SIGHUP')
  await until(async () => (await servedBy()) === 'b' && (await servedBy()) === 'b', { what: 'a to get nothing' })
  t.is((await slow).status, 200)
  await socket.receives(/\xf4retry-after-ms=0$/)
  t.is(Object.values(agent.freeSockets).flat().length, 1)
})

test('a bad configuration: every fault is named, and the old one stays in force', async (t) => {
  const a = await startNode(t, 'a')
  const file = await configFile(t, [`UPSTREAMS=a=${a.url}`])
  const balancer = startBalancer(t, { PORT: '0', ADMIN_PORT: '0', ADMIN_TOKEN: TOKEN, CONFIG_FILE: file.path })
  const { url, adminUrl } = await balancer.ready
  file.write(['UPSTREAMS=nothing', 'ROUTING=magic', 'ROUTNIG=affinity', 'no line'])
  const answer = await ask(`${adminUrl}/reload`, { method: 'POST', headers: HEADERS })
  t.is(answer.status, 422)
  const { error } = JSON.parse(answer.body.toString()) as { error: { code: string; faults: { key: string }[] } }
  t.is(error.code, 'CONFIG')
  t.deepEqual(error.faults.map(({ key }) => key).sort(), ['CONFIG_FILE', 'ROUTING', 'ROUTNIG', 'UPSTREAMS'])

  file.write([`UPSTREAMS=a=${a.url}`, 'PORT=1', 'WORKERS=2'])
  balancer.child.kill('SIGHUP')
  await until(() => balancer.output.stdout.includes("WORKERS can't change"), { what: 'the second refusal' })
  t.regex(balancer.output.stdout, /"event":"reload-refused","reason":"PORT can't change without a restart/)
  t.is((await ask(url)).status, 200)
  const metrics = (await ask(`${adminUrl}/metrics`, { headers: HEADERS })).body.toString()
  t.true(metrics.includes('reloads_total{outcome="refused"} 2\n'))
})

test('an address that changed under the same name is another upstream', async (t) => {
  const [old, next] = await Promise.all(
    ['old', 'next'].map((name) => httpServer(t, (_request, response) => setTimeout(() => response.end(name), 500))),
  )
  if (!old || !next) return t.fail()
  const file = await configFile(t, [`UPSTREAMS=a=http://127.0.0.1:${old.port}`])
  const balancer = startBalancer(t, { PORT: '0', CONFIG_FILE: file.path, SLOW_START_MS: '0' })
  const { url } = await balancer.ready
  const before = ask(url)
  await until(() => old.requests.length === 1, { what: 'the request to arrive' })
  file.write([`UPSTREAMS=a=http://127.0.0.1:${next.port}`])
  balancer.child.kill('SIGHUP')
  await until(() => balancer.output.stdout.includes('"reloaded"'), { what: 'the reload' })
  t.is((await ask(url)).body.toString(), 'next')
  t.is((await before).body.toString(), 'old')
})

async function listed(adminUrl: string | undefined): Promise<string> {
  const { upstreams } = JSON.parse((await ask(`${adminUrl}/upstreams`, { headers: HEADERS })).body.toString()) as {
    upstreams: { name: string; url: string; state: string }[]
  }
  return upstreams.map(({ name, url, state }) => `${name}=${url} ${state}`).join(', ')
}

test('renamed upstreams keep what is under way, their connections and how they stand', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const file = await configFile(t, [`UPSTREAMS=a=${a.url},b=${b.url}`])
  const env = { PORT: '0', ADMIN_PORT: '0', ADMIN_TOKEN: TOKEN, CONFIG_FILE: file.path, UPSTREAM_DRAIN_MS: '0' }
  const { url, adminUrl } = await startBalancer(t, env).ready
  await ask(`${adminUrl}/upstreams/b/drain`, { method: 'POST', headers: HEADERS })
  const socket = await rawClient(t, Number(new URL(url).port))
  socket.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '')
  await socket.receives(/ 101 /)
  const slow = ask(`${url}/slow?ms=1000`, { method: 'POST' })
  await until(async () => (await ask(`${a.url}/seen`)).body.includes('slow'), { what: 'the slow request to arrive' })

  for (const [written, shown] of [
    // Both names, then exchanged, then one of them gone and its name the other's.
    [`x=${a.url},y=${b.url}`, `x=${a.url} up, y=${b.url} draining`],
    [`y=${a.url},x=${b.url}`, `y=${a.url} up, x=${b.url} draining`],
    [`x=${a.url}`, `x=${a.url} up`],
  ] as const) {
    file.write([`UPSTREAMS=${written}`])
    t.is((await ask(`${adminUrl}/reload`, { method: 'POST', headers: HEADERS })).status, 200)
    t.is(await listed(adminUrl), shown)
  }
  t.is((await slow).status, 200)
  socket.send('\x81\x05hello')
  await socket.receives(/hello$/)
})

test('a reload to a name that leads nowhere is refused, and everything is as it was', async (t) => {
  const a = await startNode(t, 'a')
  const file = await configFile(t, [`UPSTREAMS=a=${a.url}`])
  const env = { PORT: '0', ADMIN_PORT: '0', ADMIN_TOKEN: TOKEN, CONFIG_FILE: file.path }
  const { url, adminUrl } = await startBalancer(t, env).ready
  file.write(['UPSTREAMS=shop=dns://no-such-name.invalid:80', 'SERVER_TIMING=true'])
  const answer = await ask(`${adminUrl}/reload`, { method: 'POST', headers: HEADERS })
  t.is(answer.status, 422)
  t.regex(answer.body.toString(), /UPSTREAMS has the name no-such-name.invalid, which can't be resolved/)
  t.is(await listed(adminUrl), `a=${a.url} up`)
  t.is((await ask(url)).headers['server-timing'], undefined)
  t.is((await ask(`${adminUrl}/readyz`)).status, 200)
  await ask(`${adminUrl}/upstreams/a`, { method: 'DELETE', headers: HEADERS })
  t.is((await ask(`${adminUrl}/readyz`)).status, 503)
})
