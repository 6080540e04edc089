import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { cacheOf, hybridNode, keptBy, nodeProcess } from '../../support/hybrid-nodes.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'

function database(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-hybrid-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return `sqlite:${join(directory, 'sessions.db')}?timeoutMs=20000`
}

test('a read from memory finds each change of another process, as soon as it was acknowledged', async (t) => {
  const url = database(t)
  const store = await hybridNode(t, url)
  const other = await nodeProcess(t, `hybrid:?over=${url}`)
  const key = freshKey()
  await store.write(key, creation('body 0'))
  for (let version = 1; version < 30; version++) {
    t.is(await other.read(key), `body ${version - 1}`)
    t.is(await other.read(key), `body ${version - 1}`)
    t.like(await store.write(key, change(version, `body ${version}`)), { status: 'written' })
    t.is(await other.read(key), `body ${version}`)
  }
  await store.destroy(key, { fenceUntilMs: inAnHour() })
  t.is(await other.read(key), undefined)
})

test("this process' own changes leave its copies of other records current", async (t) => {
  const store = await hybridNode(t, database(t))
  const [one, two] = [freshKey(), freshKey()]
  await store.write(one, creation())
  await keptBy(store, one)
  for (let version = 0; version < 10; version++) {
    await store.write(two, { ...change(version), expectedVersion: version })
    const { misses } = cacheOf(store)
    t.is((await store.read(one))?.version, 1)
    t.is(cacheOf(store).misses, misses)
  }
})

test('the copies take no more than the bytes that they may', async (t) => {
  const store = await hybridNode(t, database(t), '&cacheBytes=20000')
  for (let session = 0; session < 50; session++) await store.write(freshKey(), creation('x'.repeat(1_000)))
  t.true(cacheOf(store).bytes <= 20_000 && cacheOf(store).copies > 3)
  const large = freshKey()
  await store.write(large, creation('x'.repeat(100_000)))
  t.is((await store.read(large))?.body.length, 100_000)
})
