import test from 'ava'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { postgresChanges } from '../../../src/stores/database/servers/postgres-changes.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`postgres: ${postgresMissing}`, () => {})

onPostgres('a feed tells every change of a version once it is committed, and that it was lost', async (t) => {
  const server = await postgresServer()
  t.teardown(() => server.stop())
  const url = `${server.url}?notify=1&timeoutMs=2000`
  const [store, neighbour] = [await openStore(url), await openStore(url)]
  t.teardown(() => Promise.all([store.close(), neighbour.close()]))
  await Promise.all([store.open(), neighbour.open()])
  const told: string[] = []
  const lost: Error[] = []
  const listener = {
    onChange: (key: string, version: number) => void told.push(`${key} ${version}`),
    onLost: (reason: Error) => void lost.push(reason),
  }
  const feed = await postgresChanges(url, listener)

  const key = freshKey()
  await store.write(key, creation())
  await neighbour.write(key, change(1))
  await neighbour.write(key, change(1, 'refused'))
  await store.touch(key, inAnHour() + 60_000)
  await store.destroy(key, { fenceUntilMs: inAnHour() })
  await feed.confirmed()
  t.deepEqual(told, [`${key} 1`, `${key} 2`, `${key} 0`])

  server.signal('SIGSTOP')
  await t.throwsAsync(feed.confirmed(), { instanceOf: StoreUnavailableError })
  t.is(lost.length, 1)
  server.signal('SIGCONT')
  await server.kill()
  await server.start()
  await until('another feed', async () => {
    const another = await postgresChanges(url, listener)
    another.close()
    return true
  })
  t.is(lost.length, 1)
})
