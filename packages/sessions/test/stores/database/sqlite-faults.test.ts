import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { SessionKey } from '../../../src/contract.ts'
import { StoreConfigError, StoreFullError, StoreUnavailableError } from '../../../src/errors.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { serverUser } from '../../support/database/installed.ts'
import { healthy, openDatabase } from '../../support/database/sessions.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { client, shop } from '../../support/shop.ts'
import { until } from '../../support/until.ts'

const UNAVAILABLE = { instanceOf: StoreUnavailableError }

function newFile(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-sqlite-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'sessions.db')
}

/** Past the store, as another program would open the file. */
function opened(t: ExecutionContext, path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  t.teardown(() => database.close())
  return database
}

interface Writer {
  readonly process: ChildProcess
  /** The last version of each key that was acknowledged. */
  readonly acknowledged: () => ReadonlyMap<SessionKey, number>
}

function writer(t: ExecutionContext, path: string, url: string, name: string): Writer {
  const program = new URL('../../fixtures/sqlite-writer.ts', import.meta.url).pathname
  const said = `${path}.${name}`
  const child = spawn(process.execPath, [program, url, name], { stdio: ['ignore', openSync(said, 'a'), 'inherit'] })
  t.teardown(() => void child.kill('SIGKILL'))
  return {
    process: child,
    acknowledged: () => {
      const lines = readFileSync(said, 'utf8').split('\n').slice(0, -1)
      return new Map(lines.map((line) => [line.split(' ')[0] as SessionKey, Number(line.split(' ')[1])]))
    },
  }
}

for (const synchronous of ['FULL', 'NORMAL']) {
  test.serial(
    `${synchronous}: processes that share a file and are killed while they write lose nothing that was acknowledged`,
    async (t) => {
      const path = newFile(t)
      const url = `sqlite:${path}?synchronous=${synchronous}&timeoutMs=10000`
      const writers: Writer[] = []
      for (let round = 0; round < 2; round++) {
        // All begin at once, and so migrate at once in the first round.
        const those = ['a', 'b', 'c'].map((name) => writer(t, path, url, `${name}${round}`))
        writers.push(...those)
        await until('all to write', () => those.every(({ acknowledged }) => acknowledged().size === 8))
        await sleep(Math.random() * 100)
        for (const { process: child } of those) {
          const exited = once(child, 'close')
          child.kill('SIGKILL')
          await exited
          t.is(child.signalCode, 'SIGKILL', 'it wrote until it was killed')
        }
      }
      const store = await openDatabase(t, url)
      let writes = 0
      for (const { acknowledged } of writers) {
        for (const [key, version] of acknowledged()) {
          const record = await store.read(key)
          // One more may have been written whose acknowledgement the kill cut off.
          const there = record?.version ?? 0
          t.true(there === version || there === version + 1, `${key}: ${version} was acknowledged, ${there} is there`)
          t.is(record?.body.split(' ')[1], String(there))
          writes += version
        }
      }
      t.log(`${writes} writes by ${writers.length} processes`)
      t.is(opened(t, path).prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
    },
  )
}

test('while a process holds the lock, as one that is stopped may, changes wait without blocking the process', async (t) => {
  const path = newFile(t)
  const store = await openDatabase(t, `sqlite:${path}?synchronous=NORMAL&timeoutMs=3000`)
  const key = freshKey()
  await store.write(key, creation('kept'))
  const other = opened(t, path)
  other.exec('BEGIN IMMEDIATE')
  let reads = 0
  const waiting = { is: true }
  const refused = t
    .throwsAsync(store.write(key, change(1)), UNAVAILABLE)
    .then((error) => t.regex(String(error?.cause), /held the lock for 3000 ms/))
    .finally(() => (waiting.is = false))
  while (waiting.is) {
    t.is((await store.read(key))?.body, 'kept')
    reads++
    await sleep(1)
  }
  await refused
  t.true(reads >= 3, `${reads} reads while the change waited`)
  const changed = store.write(key, change(1))
  await sleep(50)
  other.exec('ROLLBACK')
  t.is((await changed).status, 'written')
})

test('a file that may not grow further is full: sessions are read and ended, and the refusal ends with the lack', async (t) => {
  const events: StoreEvent['event'][] = []
  const store = await openDatabase(
    t,
    `sqlite:${newFile(t)}?bytesMax=200000&synchronous=NORMAL`,
    ({ event }) => void events.push(event),
  )
  const keys: SessionKey[] = []
  const fill = async (): Promise<void> => {
    for (;;) {
      const key = freshKey()
      await store.write(key, creation('x'.repeat(5_000)))
      keys.push(key)
    }
  }
  await t.throwsAsync(fill(), { instanceOf: StoreFullError, message: /full/ })
  t.true(keys.length > 10)
  // Needs no room, so it tells nothing.
  t.is((await store.write(keys[0] as SessionKey, change(7, 'never written'))).status, 'conflict')
  t.deepEqual(events, ['changes-refused'])
  const [first, ...rest] = keys as [SessionKey, ...SessionKey[]]
  t.is((await store.read(first))?.version, 1)
  t.is((await store.write(first, change(1, 'shorter'))).status, 'written')
  await t.throwsAsync(fill(), { instanceOf: StoreFullError })
  for (const key of rest) await store.destroy(key, { fenceUntilMs: inAnHour() })
  await healthy(store)
  t.is((await store.write(freshKey(), creation())).status, 'written')
  t.is(events[0], 'changes-refused')
  t.is(events.at(-1), 'changes-accepted')
})

test('what cannot be opened is named', async (t) => {
  const path = newFile(t)
  const refused = async (url: string, message: RegExp) => {
    const store = await openStore(url)
    await t.throwsAsync(store.open(), { instanceOf: StoreConfigError, message })
    await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
    await store.close()
  }
  await refused(`sqlite:${path}/no/such.db`, /can't be opened.*ENOENT/)
  await refused('sqlite:/', /can't be opened/)
  writeFileSync(path, 'this is a text and not a database, and it is long enough to be taken for one if nothing looks')
  await refused(`sqlite:${path}`, /is not a SQLite database/)
  const newer = newFile(t)
  await (await openDatabase(t, `sqlite:${newer}`)).close()
  const database = opened(t, newer)
  database.exec('INSERT INTO ninelives_schema (version) VALUES (7)')
  await refused(`sqlite:${newer}`, /version 7 of the ninelives schema, and this program knows version 1/)
})

test('a file that was removed or replaced is no longer healthy, since other processes have another', async (t) => {
  const path = newFile(t)
  const store = await openDatabase(t, `sqlite:${path}`)
  await store.health()
  rmSync(path)
  await t.throwsAsync(store.health(), UNAVAILABLE)
  writeFileSync(path, '')
  const error = await t.throwsAsync(store.health(), UNAVAILABLE)
  t.regex(String(error?.cause), /file was replaced/)
})

test('only the user of the process may read the file', async (t) => {
  const path = newFile(t)
  await openDatabase(t, `sqlite:${path}`)
  for (const end of ['', '-wal', '-shm']) t.is(statSync(path + end).mode & 0o777, 0o600)
})

test('a file that the process may only read is refused at the start', async (t) => {
  const path = newFile(t)
  const store = await openDatabase(t, `sqlite:${path}`)
  chmodSync(path, 0o444)
  for (const end of ['-wal', '-shm']) chmodSync(path + end, 0o444)
  chmodSync(join(path, '..'), 0o555)
  t.teardown(() => chmodSync(join(path, '..'), 0o755))
  const opens = `
    const { openStore } = await import(${JSON.stringify(new URL('../../../src/stores/open-store.ts', import.meta.url))})
    await (await openStore(${JSON.stringify(`sqlite:${path}?openTimeoutMs=200`)})).open()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', opens], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...serverUser,
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await once(child, 'close')
  t.regex(said, /accepts no changes|can't be written to/)
  await store.health()
})

test('through Koa a lock that is held is a 503 that leaves the cookie alone, and no user is logged out', async (t) => {
  const path = newFile(t)
  const store = await openDatabase(t, `sqlite:${path}?synchronous=NORMAL&timeoutMs=300`)
  const origin = await shop(
    t,
    {
      '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
      '/change': (ctx) => ctx.session?.update((draft) => (draft['n'] = 1)),
      '/': (ctx) => ({ fields: ctx.session }),
    },
    { store, guard: { failuresMax: 1_000 } },
  )
  const browser = client(origin)
  await browser.get('/login')
  const { cookie } = browser
  const other = opened(t, path)
  other.exec('BEGIN IMMEDIATE')
  t.is((await browser.get('/change')).status, 503)
  t.is((await browser.get('/')).status, 200)
  t.is(browser.cookie, cookie)
  other.exec('COMMIT')
  t.is((await browser.get('/change')).status, 200)
  t.deepEqual((await browser.get('/')).body, { fields: { user: 'u', n: 1 } })
})

test('a disk that refuses writes for another reason than lack of room, such as a quota, is no outage: sessions are read', async (t) => {
  const path = newFile(t)
  // A limit of the process on the size of its files: the write fails as it does beyond a quota.
  const limited = `ulimit -f 400; exec "$0" "$@"`
  const program = fileURLToPath(new URL('../../fixtures/sqlite-over-limit.ts', import.meta.url))
  const { stdout, stderr } = spawnSync('sh', ['-c', limited, process.execPath, program, path], { encoding: 'utf8' })
  t.like(JSON.parse(stdout || stderr), { refusal: 'StoreRefusedError', isRead: true, health: 'StoreRefusedError' })
})
