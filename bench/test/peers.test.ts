/** A peer serves the shop's interface, and the lab runs it like a cluster of ours. These peers need no packages of their own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@ninelives/lab'
import test, { type ExecutionContext } from 'ava'
import { type ClusterUnderTest, openCluster } from '../harness/cluster-under-test.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { peers } from '../peers/cluster/index.ts'

const TRIED = ['nginx-plain-affinity', 'haproxy', 'koa-session', 'http-proxy-plain']
const RESTART_AFTER_MS = 300

async function open(t: ExecutionContext, name: string): Promise<ClusterUnderTest | undefined> {
  const peer = peers().find((each) => each.name === name)
  if (peer === undefined) throw new Error(`there is no peer ${name}`)
  if (peer.missing !== undefined) {
    t.log(`left out: ${peer.missing}`)
    return undefined
  }
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const wishes = { nodes: 2, users: 0, rate: 1, seed: 1, restartAfterMs: RESTART_AFTER_MS, directory }
  const cluster = await openCluster(peer, wishes)
  t.teardown(() => cluster.stop())
  return cluster
}

/** One visitor with cookies. */
function visitor(url: string) {
  const cookies = new Map<string, string>()
  return async (method: string, path: string, body?: object) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = cookie.split(';', 1)[0]?.split(/=(.*)/) ?? []
      cookies.set(name, value)
    }
    const text = await response.text()
    const said = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    return { status: response.status, node: response.headers.get('x-served-by'), said }
  }
}

async function shopping(t: ExecutionContext, url: string): Promise<void> {
  const ask = visitor(url)
  t.is((await ask('GET', '/api/cart')).status, 401)
  t.is((await ask('POST', '/api/login', { name: 'user-1', password: 'wrong' })).status, 401)
  const { status, said, node } = await ask('POST', '/api/login', { name: 'user-1', password: 'password-1' })
  t.deepEqual([status, said['user']], [200, 'user-1'])
  t.regex(node ?? '', /^[ab]$/)
  t.is((await ask('POST', '/api/cart', { sku: '' })).status, 422)
  await ask('POST', '/api/cart', { sku: 'pen', quantity: 2 })
  await ask('POST', '/api/cart', { sku: 'ink' })
  await ask('POST', '/api/cart', { sku: 'pen' })
  const items = [
    { sku: 'pen', quantity: 3 },
    { sku: 'ink', quantity: 1 },
  ]
  t.deepEqual((await ask('GET', '/api/cart')).said['items'], items)
  t.deepEqual((await ask('DELETE', '/api/cart/ink')).said['items'], items.slice(0, 1))
  t.is((await ask('POST', '/api/counter')).said['count'], 1)
  t.is((await ask('POST', '/api/counter')).said['count'], 2)
  t.is((await ask('GET', '/api/session')).said['authenticated'], true)
  t.is((await ask('POST', '/api/logout')).status, 204)
  t.is((await ask('GET', '/api/cart')).status, 401)
}

for (const name of TRIED) {
  test.serial(`${name}: it serves the shop's interface, and a node that dies comes back`, async (t) => {
    const cluster = await open(t, name)
    if (cluster === undefined) return void t.pass()
    await shopping(t, cluster.url)
    const { balancer, node } = cluster.pids()
    t.is(node.length, 2)
    t.true(cpuMicrosOf(balancer) > 0)
    const victim = await cluster.kill('random')
    const { trace } = cluster.lab
    const isBack = (): boolean =>
      trace.state.nodes.every(({ state }) => state === 'up') && cluster.pids().node.length === 2
    await until(isBack, { deadlineMs: 60_000, what: `node ${victim} to come back` })
    t.notDeepEqual(cluster.pids().node, node)
    t.deepEqual(cluster.pids().balancer, balancer)
  })
}

test('a peer whose program is missing says how to get it', async (t) => {
  const nginx = peers({ PATH: '', REDIS_URL: 'redis://127.0.0.1:1' }).find(({ name }) => name === 'nginx')
  t.is(nginx?.missing, 'it needs nginx on the PATH (Debian: apt-get install nginx)')
  const express = peers({ PATH: '' }).find(({ name }) => name === 'express-session')
  t.regex(express?.missing ?? '', /^it needs a Redis: install redis-server .*, or set REDIS_URL=/)
  if (nginx === undefined) return
  const wishes = { nodes: 2, users: 0, rate: 1, seed: 1, restartAfterMs: RESTART_AFTER_MS, directory: tmpdir() }
  await t.throwsAsync(openCluster(nginx, wishes), { message: /^nginx is missing: it needs nginx/ })
})
