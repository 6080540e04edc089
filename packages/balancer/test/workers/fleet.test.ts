/** Several processes on one port, and one that answers for all of them. */
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { count, fleet, workersOf } from '../fixtures/workers/fleet.ts'
import { freePort, startNode } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

test('both serve, and the admin port answers for both and changes both', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const { url, admin, child, exited, output } = await fleet(t, `a=${a.url}`)
  t.is((await workersOf(child.pid)).length, 2)
  for (let index = 0; index < 10; index += 1) t.is((await ask(url)).headers['x-served-by'], 'a')
  await until(async () => (await count(admin, 'requests_total{code="200"}')) === 10, { what: 'all to be counted' })
  t.is(await count(admin, 'workers'), 2)
  t.is(await count(admin, 'upstream_up{upstream="a"}'), 1)
  const { decisions } = JSON.parse(await admin('/decisions?kind=routing')) as { decisions: { at: string }[] }
  t.is(decisions.length, 10)
  t.deepEqual(
    decisions.map(({ at }) => at),
    decisions
      .map(({ at }) => at)
      .sort()
      .toReversed(),
  )

  await admin('/upstreams', 'POST', { upstream: `b=${b.url}` })
  await admin('/upstreams/a/drain', 'POST')
  for (let index = 0; index < 6; index += 1) t.is((await ask(url)).headers['x-served-by'], 'b')
  t.regex(await admin('/upstreams'), /"name":"a".*"state":"draining".*"name":"b".*"state":"up"/)
  t.regex(await admin('/upstreams/z/drain', 'POST'), /NOT_FOUND/)

  child.kill('SIGTERM')
  t.is(await exited, 0)
  t.regex(output.stdout, /"event":"draining"[^]*"event":"stopped"/)
  t.is(output.stderr, '')
})

test('a connection above what all workers together may have is closed, and counted', async (t) => {
  const { url, admin } = await fleet(t, `a=http://127.0.0.1:${await freePort()}`, { CLIENT_CONNECTIONS_MAX: '1' })
  const port = Number(new URL(url).port)
  const open = [await rawClient(t, port), await rawClient(t, port)]
  const refused = await rawClient(t, port)
  t.is(await refused.closed, '')
  t.is(await count(admin, 'refused_connections_total{bound="total"}'), 1)
  t.true(open.every(({ socket }) => !socket.readableEnded))
})

test('a worker that died is replaced, and its successor knows what was changed', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const { url, admin, child, output } = await fleet(t, `a=${a.url}`)
  await admin('/upstreams', 'POST', { upstream: `b=${b.url}` })
  await admin('/upstreams/a/drain', 'POST')
  const before = await workersOf(child.pid)
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await until(async () => (await count(admin, 'workers')) === 2, { what: 'two others' })
  t.is((await workersOf(child.pid)).filter((pid) => before.includes(pid)).length, 0)
  t.is(await count(admin, 'worker_restarts'), 2)
  for (let index = 0; index < 6; index += 1) t.is((await ask(url)).headers['x-served-by'], 'b')
  t.regex(output.stdout, /"event":"worker-died"/)
})

test('a worker that starts while upstreams change serves with the newest, whatever the change', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-balancer-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const path = join(directory, 'balancer.conf')
  const write = (upstreams: string) => writeFileSync(path, `UPSTREAMS=${upstreams}\n`)
  write(`a=${a.url},b=${b.url}`)
  const { url, admin, child } = await fleet(t, '', { CONFIG_FILE: path })

  for (const [what, change] of [
    ['a drain', () => admin('/upstreams/b/drain', 'POST')],
    ['a reload', () => (write(`a=${a.url}`), admin('/reload', 'POST'))],
  ] as const) {
    const before = await workersOf(child.pid)
    process.kill(before[0] ?? 0, 'SIGKILL')
    const isStarting = async () => (await workersOf(child.pid)).some((pid) => pid > 0 && !before.includes(pid))
    await until(isStarting, { what: 'another worker to start' })
    await change()
    await until(async () => (await count(admin, 'workers')) === 2, { what: 'it to serve' })
    for (let index = 0; index < 6; index += 1) t.is((await ask(url)).headers['x-served-by'], 'a', what)
  }
})

test('an upstream that one worker still has under way can be added again, and then all have it', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const { url, admin } = await fleet(t, `b=${b.url}`)
  const slow = ask(`${url}/slow?ms=1000`)
  await until(async () => (await ask(`${b.url}/seen`)).body.includes('slow'), { what: 'the slow request to arrive' })
  await admin('/upstreams', 'POST', { upstream: `a=${a.url}` })
  await admin('/upstreams/b', 'DELETE')
  t.regex(await admin('/upstreams', 'POST', { upstream: `c=${b.url};weight=100` }), /"done"/)
  await admin('/upstreams/a', 'DELETE')
  await until(async () => !(await admin('/upstreams')).includes('"name":"a"'), { what: 'a to be gone' })
  for (let index = 0; index < 4; index += 1) t.is((await ask(url)).headers['x-served-by'], 'b')
  t.regex(await admin('/upstreams'), /^\{"upstreams":\[\{"name":"c",[^}]*"state":"up"[^}]*\}\]\}/)
  t.is((await slow).status, 200)
})

test('workers share what is pinned, also with a key that was made up', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const { url } = await fleet(t, `a=${a.url},b=${b.url}`, { ROUTING: 'affinity' })
  const first = await ask(url)
  const cookie = String(first.headers['set-cookie']).split(';', 1)[0] ?? ''
  for (let index = 0; index < 8; index += 1) {
    const { headers } = await ask(url, { headers: { cookie } })
    t.is(headers['x-served-by'], first.headers['x-served-by'])
    t.is(headers['set-cookie'], undefined)
  }
})

test('an upstream that one worker ejects is probed by the other at once', async (t) => {
  const a = await httpServer(t, (_request, response) => response.end())
  a.server.keepAliveTimeout = 0
  const b = await startNode(t, 'b')
  const { url, admin } = await fleet(t, `a=http://127.0.0.1:${a.port},b=${b.url}`, { PROBE_INTERVAL_MS: '60000' })
  // Listens no more, and keeps the connections that stand: only a request can tell, and only the worker that has it.
  Server.prototype.close.call(a.server)
  const ejections = () => count(admin, 'ejections_total{upstream="a"}')
  while ((await ejections()) < 1) await ask(url)
  await until(async () => (await ejections()) === 2, { what: 'the other to eject it' })
  t.is((await ask(url)).headers['x-served-by'], 'b')
})

test('a reload reaches all workers, and a refused one reaches none', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const { url, admin, child } = await fleet(t, `a=${a.url}`)
  // The environment of a process can't change, so this one reads the same again.
  t.regex(await admin('/reload', 'POST'), /"reloaded":true/)
  await admin('/upstreams', 'POST', { upstream: `b=${b.url}` })
  child.kill('SIGHUP')
  await until(async () => (await count(admin, 'reloads_total{outcome="applied"}')) === 2, { what: 'the second' })
  t.is((await ask(url)).status, 200)
  t.regex(await admin('/upstreams'), /"name":"b"/)
})

test('when the parent process is killed, no worker is left', async (t) => {
  const { child } = await fleet(t, `a=http://127.0.0.1:${await freePort()}`)
  const workers = await workersOf(child.pid)
  child.kill('SIGKILL')
  await until(() => workers.every((pid) => !isRunning(pid)), { what: 'the workers to be gone' })
  t.pass()
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
