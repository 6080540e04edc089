import test from 'ava'
import { StoreConfigError } from '../../../src/errors.ts'
import { type PostgresServer, postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { openDatabase, PATIENT } from '../../support/database/sessions.ts'
import { cacheOf, cutStreams, hybridNode, keptBy, nodeProcess } from '../../support/hybrid-nodes.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { until } from '../../support/until.ts'

if (postgresMissing === undefined) withPostgres(postgresServer())
else test.skip(`hybrid over postgres: ${postgresMissing}`, () => {})

function withPostgres(starting: Promise<PostgresServer>): void {
  test.after.always(async () => (await starting).stop())

  test('a read from memory asks PostgreSQL nothing, and finds what this node wrote', async (t) => {
    const server = await starting
    const { url } = server
    const store = await hybridNode(t, `${url}?timeoutMs=20000&leaseMs=30000`)
    const key = freshKey()
    await store.write(key, creation())
    await store.write(key, change(1, 'two'))
    // Were the row read, it would be found gone.
    await server.ask(`UPDATE ninelives_sessions SET record_key = 'elsewhere' WHERE record_key = '${key}'`)
    for (let turn = 0; turn < 50; turn++) t.like(await store.read(key), { version: 2, body: 'two' })
    t.like(cacheOf(store), { copies: 1, hits: 50, misses: 0 })
  })

  test('a read that begins after a change was acknowledged elsewhere finds it, in each of many rounds', async (t) => {
    const { url } = await starting
    const [a, b] = [await hybridNode(t, url), await hybridNode(t, url)]
    const key = freshKey()
    await a.write(key, creation())
    for (let version = 1; version < 60; version++) {
      const [writer, reader] = version % 2 === 0 ? [a, b] : [b, a]
      if (version % 10 === 0) await keptBy(reader, key)
      else await Promise.all([reader.read(key), reader.read(key)])
      t.like(await writer.write(key, change(version, `body ${version}`)), { status: 'written' })
      t.is((await reader.read(key))?.body, `body ${version}`)
    }
    t.true(cacheOf(a).dropped > 5 && cacheOf(b).dropped > 5, 'copies were there to be outdated')
  })

  test('a touch and a deletion on one node are seen at once by another that has a copy', async (t) => {
    const { url } = await starting
    const [a, b] = [await hybridNode(t, url), await hybridNode(t, url)]
    for (let round = 0; round < 10; round++) {
      const key = freshKey()
      await a.write(key, creation())
      await keptBy(b, key)
      const later = inAnHour() + 60_000
      t.true(await a.touch(key, later))
      t.is((await b.read(key))?.expiresAtMs, later)
      await keptBy(b, key)
      await a.destroy(key, { fenceUntilMs: inAnHour() })
      t.is(await b.read(key), undefined)
      t.deepEqual(await b.write(key, change(1)), { status: 'gone' })
    }
  })

  test('a node that closes gives its lease back, so that no change waits for its end', async (t) => {
    const server = await starting
    const store = await hybridNode(t, `${server.url}?timeoutMs=20000&leaseMs=300000`)
    const key = freshKey()
    await store.write(key, creation())
    await keptBy(store, key)
    const leases = async (): Promise<number> =>
      Number(
        await server.ask(
          `SELECT count(*) FROM ninelives_leases
            WHERE name = (SELECT holders FROM ninelives_sessions WHERE record_key = '${key}')`,
        ),
      )
    t.is(await leases(), 1)
    await store.close()
    await until('the lease to be given back', async () => (await leases()) === 0)
  })

  test('nodes without a near-cache wait for the copies of those with one', async (t) => {
    const { url } = await starting
    const store = await hybridNode(t, url)
    const plain = await openDatabase(t, `${url}?${PATIENT}`)
    const key = freshKey()
    await plain.write(key, creation())
    for (let version = 1; version < 20; version++) {
      await keptBy(store, key)
      await plain.write(key, change(version, `body ${version}`))
      t.is((await store.read(key))?.body, `body ${version}`)
    }
    await plain.destroy(key, { fenceUntilMs: inAnHour() })
    t.is(await store.read(key), undefined)
  })

  test('copies of several nodes are all dropped before a change, and a change that races others loses to one', async (t) => {
    const { url } = await starting
    const first = await hybridNode(t, url)
    const nodes = [first, ...(await Promise.all([2, 3, 4].map(() => hybridNode(t, url))))]
    const key = freshKey()
    await first.write(key, creation())
    for (let version = 1; version < 10; version++) {
      await Promise.all(nodes.map((node) => keptBy(node, key)))
      const results = await Promise.all(nodes.map((node, index) => node.write(key, change(version, `by ${index}`))))
      const winners = results.flatMap(({ status }, index) => (status === 'written' ? [index] : []))
      t.is(winners.length, 1)
      t.true(results.every(({ status }) => status !== 'gone'))
      for (const node of nodes) t.like(await node.read(key), { version: version + 1, body: `by ${winners[0]}` })
    }
  })

  test('calls of one node at once leave no copy that differs from the row', async (t) => {
    const { url } = await starting
    const store = await hybridNode(t, url)
    const plain = await openDatabase(t, `${url}?${PATIENT}`)
    for (let round = 0; round < 40; round++) {
      const key = freshKey()
      const later = inAnHour() + 60_000
      await store.write(key, creation())
      await Promise.all([
        store.read(key),
        store.touch(key, later),
        store.write(key, change(1, 'two')),
        store.touch(key, later + 1),
        store.read(key),
      ])
      t.deepEqual(await store.read(key), await plain.read(key))
    }
  })

  test('changes by other hands are seen: a deleted row', async (t) => {
    const server = await starting
    const { url } = server
    const store = await hybridNode(t, url)
    const [one, two] = [freshKey(), freshKey()]
    for (const key of [one, two]) {
      await store.write(key, creation())
      await keptBy(store, key)
    }
    await server.ask(`DELETE FROM ninelives_sessions WHERE record_key = '${one}'`)
    await until('the deletion', async () => (await store.read(one)) === undefined)
    t.is((await store.read(two))?.version, 1)
  })

  test('connections of invalidations that are cut, again and again, never leave an outdated copy', async (t) => {
    const server = await postgresServer()
    t.teardown(() => server.stop())
    const [a, b] = [await hybridNode(t, server.url), await hybridNode(t, server.url)]
    const key = freshKey()
    await a.write(key, creation())
    for (let version = 1; version < 20; version++) {
      if (version % 4 === 0) await keptBy(b, key)
      await cutStreams(server)
      t.is((await a.write(key, change(version, `body ${version}`))).status, 'written')
      t.is((await b.read(key))?.body, `body ${version}`)
    }
    await keptBy(a, key)
    await keptBy(b, key)
    t.deepEqual(b.report?.().warnings, [])
    await server.ask('TRUNCATE ninelives_sessions')
    await until('the loss of all', async () => (await b.read(key)) === undefined)
  })

  test('a list full of nodes that are gone is tidied, and copies are kept again', async (t) => {
    const server = await starting
    const { url } = server
    const store = await hybridNode(t, url)
    const other = await hybridNode(t, url)
    const key = freshKey()
    await store.write(key, creation())
    await keptBy(store, key)
    await server.ask(
      `UPDATE ninelives_sessions SET holders = holders || repeat(',nobody.1', 200) WHERE record_key = '${key}'`,
    )
    await keptBy(other, key)
    t.is((await other.write(key, change(1, 'two'))).status, 'written')
    t.is((await store.read(key))?.body, 'two')
  })

  test('a paused node delays a change for as long as its lease, and has no outdated copy when it goes on', async (t) => {
    const { url } = await starting
    const store = await hybridNode(t, url)
    const paused = await nodeProcess(t, `hybrid:?over=${encodeURIComponent(`${url}?${PATIENT}`)}`)
    const key = freshKey()
    await store.write(key, creation('first'))
    t.is(await paused.read(key), 'first')
    t.is(await paused.read(key), 'first')
    paused.child.kill('SIGSTOP')
    const beganAtMs = performance.now()
    t.is((await store.write(key, change(1, 'second'))).status, 'written')
    t.true(performance.now() - beganAtMs > 200, 'the change waited for the lease')
    paused.child.kill('SIGCONT')
    t.is(await paused.read(key), 'second')
  })

  test('a node that was killed delays a change of what it held once, and no other', async (t) => {
    const { url } = await starting
    const store = await hybridNode(t, url)
    const killed = await nodeProcess(t, `hybrid:?over=${encodeURIComponent(`${url}?${PATIENT}`)}`)
    const [one, two] = [freshKey(), freshKey()]
    for (const key of [one, two]) {
      await store.write(key, creation('first'))
      t.is(await killed.read(key), 'first')
    }
    killed.child.kill('SIGKILL')
    t.is((await store.read(one))?.body, 'first')
    for (const key of [one, two]) t.is((await store.write(key, change(1, 'second'))).status, 'written')
    t.like(await store.write(one, change(2)), { version: 3 })
  })

  test('a user without the rights for it is told so at open', async (t) => {
    const server = await starting
    const { url } = server
    await openDatabase(t, `${url}?${PATIENT}`)
    await server.ask('CREATE ROLE shop LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ninelives_sessions TO shop')
    await server.ask('GRANT SELECT ON ninelives_schema TO shop')
    const asShop = url.replace('postgres@', 'shop@')
    const denied = { instanceOf: StoreConfigError, message: /lacks a right.*ninelives_leases/ }
    await t.throwsAsync(hybridNode(t, asShop), denied)
    await server.ask('GRANT SELECT, INSERT, UPDATE, DELETE ON ninelives_leases TO shop')
    const [store, other] = [await hybridNode(t, asShop), await hybridNode(t, asShop)]
    const key = freshKey()
    await store.write(key, creation())
    await keptBy(store, key)
    t.is((await other.write(key, change(1))).status, 'written')
    t.is((await store.read(key))?.version, 2)
  })
}
