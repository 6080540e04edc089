import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { LRUCache } from 'lru-cache'
import type { CacheableStore, CopySource } from '../../../src/stores/copies/cacheable-store.ts'
import { systemClock } from '../../../src/clock.ts'
import type { SessionKey, SessionStore } from '../../../src/contract.ts'
import { type Copy, copyBytes, nearCache } from '../../../src/stores/hybrid/near-cache.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { cacheOf, cutStreams, keptBy } from '../../support/hybrid-nodes.ts'
import { redisMissing, redisServer } from '../../support/redis/server.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { PATIENT } from '../../support/database/sessions.ts'
import { creation, freshKey } from '../../support/records.ts'
import { obeysModel } from '../../support/store-model.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`the model of hybrid over redis: ${redisMissing}`, () => {})

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`the model of hybrid over postgres: ${postgresMissing}`, () => {})

const NODES = 3
const RUNS = 20

const CACHE = { maxSize: 1_000_000, sizeCalculation: copyBytes }

/** A near-cache made wrong on purpose, where `broken` is given. */
interface Broken {
  readonly cache?: LRUCache<SessionKey, Copy>
  readonly source?: (source: CopySource) => Partial<CopySource>
}

async function nearNode(t: ExecutionContext, url: string, { cache, source }: Broken = {}): Promise<SessionStore> {
  const over = (await openStore(url)) as CacheableStore
  const copies = { ...over.copies, ...source?.(over.copies) }
  const store = nearCache({ ...over, copies }, cache ?? new LRUCache<SessionKey, Copy>(CACHE), systemClock)
  t.teardown(() => store.close())
  await store.open()
  return store
}

/** Forgets nothing that it was told to. */
class StubbornCache extends LRUCache<SessionKey, Copy> {
  override delete(): boolean {
    return true
  }
}

const deaf = (source: CopySource): Partial<CopySource> => ({ start: () => source.start(() => {}) })
const late = (source: CopySource): Partial<CopySource> => ({
  start: (onOutdated) => source.start((key) => void setTimeout(onOutdated, 20, key)),
})
const credulous = (): Partial<CopySource> => ({ isCurrent: () => true })

async function redisUrl(t: ExecutionContext): Promise<{ url: string; cutStreams: () => Promise<unknown> }> {
  const server = await redisServer()
  t.teardown(() => server.stop())
  return { url: `${server.url}?timeoutMs=20000`, cutStreams: () => server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub') }
}

const postgres = postgresMissing === undefined ? postgresServer() : undefined
test.after.always(async () => (await postgres)?.stop())

async function postgresUrl(): Promise<{ url: string; cutStreams: () => Promise<unknown> }> {
  const server = await (postgres ?? postgresServer())
  return { url: `${server.url}?${PATIENT}`, cutStreams: () => cutStreams(server) }
}

function sqliteUrl(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-hybrid-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return `sqlite:${join(directory, 'sessions.db')}?synchronous=NORMAL&timeoutMs=20000`
}

const nodesOf = (open: () => Promise<SessionStore>) => Promise.all(Array.from({ length: NODES }, open))

const STALE = { message: /something else than what was acknowledged last|never there|strictly deep-equal/ }

for (const { over, on, start } of [
  { over: 'redis', on: onRedis, start: redisUrl },
  { over: 'postgres', on: onPostgres, start: postgresUrl },
]) {
  on(`over ${over}: nodes answer like one map, also while streams are cut`, async (t) => {
    const { url, cutStreams } = await start(t)
    const near = await nodesOf(() => nearNode(t, url))
    const plain = await openStore(url)
    t.teardown(() => plain.close())
    await plain.open()
    const key = freshKey()
    await plain.write(key, creation())
    const cuts: Promise<unknown>[] = []
    // The cut falls into the commands that follow.
    const disturb = async (): Promise<void> => {
      await Promise.all(near.map((node) => keptBy(node, key)))
      cuts.push(cutStreams())
    }
    await t.notThrowsAsync(obeysModel({ nodes: [...near, plain], disturb, runs: RUNS / 2 }))
    await Promise.all(cuts)
  })

  on(`over ${over}: nodes answer like one map`, async (t) => {
    const { url } = await start(t)
    const nodes = await nodesOf(() => nearNode(t, url))
    await t.notThrowsAsync(obeysModel({ nodes, runs: RUNS }))
    t.true(cacheOf(nodes[0] as SessionStore).hits > 20)
  })

  for (const [name, broken] of Object.entries({ deaf, late })) {
    on(`over ${over}: the model catches a cache whose news is ${name}`, async (t) => {
      const { url } = await start(t)
      const nodes = await nodesOf(() => nearNode(t, url, { source: broken }))
      await t.throwsAsync(obeysModel({ nodes, runs: 10 * RUNS }), STALE)
    })
  }

  on(`over ${over}: the model catches a cache that keeps what it should drop`, async (t) => {
    const { url } = await start(t)
    const nodes = await nodesOf(() => nearNode(t, url, { cache: new StubbornCache(CACHE) }))
    await t.throwsAsync(obeysModel({ nodes, runs: 10 * RUNS }), STALE)
  })
}

test('over sqlite: nodes answer like one map', async (t) => {
  const url = sqliteUrl(t)
  const nodes = await nodesOf(() => nearNode(t, url))
  await t.notThrowsAsync(obeysModel({ nodes, runs: RUNS }))
  t.true(cacheOf(nodes[0] as SessionStore).hits > 20)
})

test('over sqlite: the model catches a cache that takes each copy for current', async (t) => {
  const url = sqliteUrl(t)
  const nodes = await nodesOf(() => nearNode(t, url, { source: credulous }))
  await t.throwsAsync(obeysModel({ nodes, runs: 10 * RUNS }), STALE)
})
