/** What the doctor finds in a Memcached that is set up badly on purpose. */
import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import { examine, type Finding } from '../../src/doctor.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { memcachedMissing, memcachedOf } from '../support/memcached/server.ts'
import { creation, freshKey } from '../support/records.ts'

const onMemcached = memcachedMissing === undefined ? test : test.skip
if (memcachedMissing !== undefined) test.skip(`memcached: ${memcachedMissing}`, () => {})

async function found(url: string): Promise<Record<string, Finding['level']>> {
  const [examination] = await examine(url)
  const bad = (examination?.findings ?? []).filter(({ level, name }) => level !== 'fine' && !name.includes('latency'))
  return Object.fromEntries(bad.map(({ name, level }) => [name, level]))
}

async function filled(url: string, sessions: number): Promise<void> {
  const store = await openStore(url)
  await store.open()
  for (let session = 0; session < sessions; session++)
    await store.write(freshKey(), creation('x'.repeat(50_000))).catch(() => {})
  await store.close()
}

onMemcached('by itself it keeps sessions in memory alone, and nothing more is found', async (t) => {
  const server = await memcachedOf(t)
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { 'in-memory': 'loss' })
})

onMemcached('one that has evicted sessions, and one that is full and must not', async (t) => {
  const evicting = await memcachedOf(t, '-m', '2')
  await filled(evicting.url, 300)
  t.deepEqual(await found(`${evicting.url}?timeoutMs=20000`), { 'in-memory': 'loss', evictions: 'loss' })
  const refusing = await memcachedOf(t, '-m', '2', '-M')
  await filled(refusing.url, 300)
  t.like(await found(`${refusing.url}?timeoutMs=20000`), { 'in-memory': 'loss', memory: 'warning' })
})

onMemcached('one that takes small items only, and few connections', async (t) => {
  const server = await memcachedOf(t, '-I', '256k', '-o', 'slab_chunk_max=128', '-c', '100')
  const sockets = Array.from({ length: 70 }, () => connect(server.port, '127.0.0.1'))
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), {
    'in-memory': 'loss',
    'item-size': 'warning',
    connections: 'warning',
  })
})

onMemcached('one without compare-and-set can not be used', async (t) => {
  const server = await memcachedOf(t, '-C')
  t.deepEqual(await found(`${server.url}?timeoutMs=20000`), { unusable: 'loss' })
})

onMemcached('of several, one that is down is named', async (t) => {
  const servers = await Promise.all([memcachedOf(t), memcachedOf(t)])
  await servers[1].stop()
  const url = `memcached://${servers.map(({ port }) => `127.0.0.1:${port}`).join()}`
  const [{ findings } = { findings: [] }] = await examine(url)
  const down = findings.find(({ name }) => name === 'unreachable')
  t.is(down?.level, 'loss')
  t.regex(down?.line ?? '', new RegExp(`^127\\.0\\.0\\.1:${servers[1].port}: it can't be reached`))
})
