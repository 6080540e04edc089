/** The cases of the conformance suite: one promise of the contract each, seen through the contract alone. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Capabilities, OnNotification, SessionKey, SessionRecord, SessionStore } from './contract.ts'
import { StoreUnavailableError } from './errors.ts'
import { newSessionId, sessionKey } from './secrets/id.ts'

export interface Definition {
  readonly title: string
  readonly needs?: keyof Capabilities
  /** Calls `restart`. */
  readonly restarts?: boolean
  /** `another` opens the store as a second node would; `restart` kills what keeps the sessions, and starts it again. */
  readonly check: (
    store: SessionStore,
    another: () => Promise<SessionStore>,
    restart: () => Promise<void>,
  ) => Promise<void>
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const LOOK_MS = 5
const RACERS = 20
/** Short enough to wait for, long enough for a slow machine to look at a session before it ends. */
const BRIEF_MS = 2_000

const inAnHour = (): number => Date.now() + HOUR_MS
const freshKey = (): SessionKey => sessionKey(newSessionId(randomBytes).handle)

/** Rejects after a minute. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineAtMs = performance.now() + MINUTE_MS
  while (!isSo()) {
    assert(performance.now() < deadlineAtMs, `within a minute ${what}`)
    await sleep(LOOK_MS)
  }
}

/** Creates a record at version 1 and gives back its key. */
async function created(store: SessionStore, body = 'one', expiresAtMs = inAnHour()): Promise<SessionKey> {
  const key = freshKey()
  const result = await store.write(key, { expectedVersion: 0, expiresAtMs, body })
  assert.equal(result.status, 'written')
  return key
}

/** What a driver gives may have no prototype, and is compared by its fields. */
const plain = <T extends object>(given: T | undefined): T | undefined => given && { ...given }

export const definitions: readonly Definition[] = [
  {
    title: 'an unknown session is absent, not an error',
    async check(store) {
      assert.equal(await store.read(freshKey()), undefined)
    },
  },
  {
    title: 'a created session is read back as it was written, at version 1',
    async check(store) {
      const expiresAtMs = inAnHour()
      const key = freshKey()
      const result = await store.write(key, { expectedVersion: 0, expiresAtMs, body: 'body' })
      assert(result.status === 'written' && result.version === 1)
      assert.deepEqual(plain(await store.read(key)), { version: 1, expiresAtMs, body: 'body' })
    },
  },
  {
    title: 'a body comes back byte for byte, whatever is in it',
    async check(store) {
      for (const body of ['', ' ', '0', 'null', '{"a":"\\u0000"}', '김영희 🛒 \u2028', '\0\r\n', 'x'.repeat(300_000)]) {
        const key = await created(store, body)
        assert.equal((await store.read(key))?.body, body)
      }
    },
  },
  {
    title: 'a write that builds on the version there adds one to it',
    async check(store) {
      const key = await created(store)
      for (const expectedVersion of [1, 2, 3]) {
        const result = await store.write(key, {
          expectedVersion,
          expiresAtMs: inAnHour(),
          body: `after ${expectedVersion}`,
        })
        assert(result.status === 'written' && result.version === expectedVersion + 1)
      }
      const record = await store.read(key)
      assert.equal(record?.version, 4)
      assert.equal(record?.body, 'after 3')
    },
  },
  {
    title: 'a write that builds on another version changes nothing and is told what is there',
    async check(store) {
      const key = await created(store, 'kept')
      const kept = plain(await store.read(key))
      for (const expectedVersion of [0, 2, 99]) {
        const { status, ...told } = await store.write(key, {
          expectedVersion,
          expiresAtMs: inAnHour(),
          body: 'refused',
        })
        assert.equal(status, 'conflict')
        assert.deepEqual(plain((told as { current?: SessionRecord }).current), kept)
      }
      assert.deepEqual(plain(await store.read(key)), kept)
    },
  },
  {
    title: 'a write that builds on an absent session is refused',
    async check(store) {
      const key = freshKey()
      const result = await store.write(key, { expectedVersion: 3, expiresAtMs: inAnHour(), body: 'ghost' })
      assert.deepEqual(plain(result), { status: 'gone' })
      assert.equal(await store.read(key), undefined)
    },
  },
  {
    title: 'of many writes that race on one version exactly one wins',
    needs: 'comparesAndSets',
    async check(store) {
      const key = await created(store)
      const write = (body: string) => store.write(key, { expectedVersion: 1, expiresAtMs: inAnHour(), body })
      const results = await Promise.all(Array.from({ length: RACERS }, (_, racer) => write(`racer ${racer}`)))
      assert.equal(results.filter(({ status }) => status === 'written').length, 1)
      assert.equal(results.filter(({ status }) => status === 'conflict').length, RACERS - 1)
      assert.equal((await store.read(key))?.body, `racer ${results.findIndex(({ status }) => status === 'written')}`)
    },
  },
  {
    title: 'of many creations that race on one key exactly one wins',
    needs: 'comparesAndSets',
    async check(store) {
      const key = freshKey()
      const create = () => store.write(key, { expectedVersion: 0, expiresAtMs: inAnHour(), body: 'new' })
      const results = await Promise.all(Array.from({ length: RACERS }, create))
      assert.equal(results.filter(({ status }) => status === 'written').length, 1)
      assert.equal((await store.read(key))?.version, 1)
    },
  },
  {
    title: 'writers that retry what they are told lose no change',
    needs: 'comparesAndSets',
    async check(store) {
      const key = await created(store, '0')
      const increment = async (): Promise<void> => {
        let current = await store.read(key)
        for (;;) {
          assert(current !== undefined)
          const body = String(Number(current.body) + 1)
          const result = await store.write(key, { expectedVersion: current.version, expiresAtMs: inAnHour(), body })
          if (result.status === 'written') return
          assert(result.status === 'conflict')
          current = result.current
        }
      }
      await Promise.all(Array.from({ length: RACERS }, increment))
      assert.deepEqual([(await store.read(key))?.body, (await store.read(key))?.version], [String(RACERS), RACERS + 1])
    },
  },
  {
    title: 'a destroyed session is absent and a write that builds on it is refused',
    needs: 'fences',
    async check(store) {
      const key = await created(store)
      await store.destroy(key, { fenceUntilMs: inAnHour() })
      assert.equal(await store.read(key), undefined)
      const slowWriter = await store.write(key, { expectedVersion: 1, expiresAtMs: inAnHour(), body: 'back' })
      assert.deepEqual(plain(slowWriter), { status: 'gone' })
      assert.equal(await store.touch(key, inAnHour() + HOUR_MS), false)
      assert.equal(await store.read(key), undefined)
    },
  },
  {
    title: 'a fence forbids creating the session again until it ends, and not longer',
    needs: 'fences',
    async check(store) {
      const key = await created(store)
      const fenceUntilMs = Date.now() + BRIEF_MS
      await store.destroy(key, { fenceUntilMs })
      const create = () => store.write(key, { expectedVersion: 0, expiresAtMs: inAnHour(), body: 'again' })
      assert.deepEqual(plain(await create()), { status: 'gone' })
      await sleep(fenceUntilMs - Date.now() + 100)
      assert.equal((await create()).status, 'written')
    },
  },
  {
    title: 'destroying what is absent still fences, and destroying twice is no error',
    needs: 'fences',
    async check(store) {
      const key = freshKey()
      await store.destroy(key, { fenceUntilMs: inAnHour() })
      await store.destroy(key, { fenceUntilMs: inAnHour() })
      const result = await store.write(key, { expectedVersion: 0, expiresAtMs: inAnHour(), body: 'late' })
      assert.deepEqual(plain(result), { status: 'gone' })
    },
  },
  {
    title: 'a session that races its own destruction ends destroyed',
    needs: 'fences',
    async check(store) {
      for (let round = 0; round < RACERS; round++) {
        const key = await created(store)
        const write = () => store.write(key, { expectedVersion: 1, expiresAtMs: inAnHour(), body: 'racing' })
        await Promise.all([
          write(),
          store.destroy(key, { fenceUntilMs: inAnHour() }),
          write(),
          store.touch(key, inAnHour()),
        ])
        assert.equal(await store.read(key), undefined)
      }
    },
  },
  {
    title: 'a session is absent from the instant it expires, with nothing done to it',
    async check(store) {
      const expiresAtMs = Date.now() + BRIEF_MS
      const key = await created(store, 'brief', expiresAtMs)
      assert.equal((await store.read(key))?.body, 'brief')
      await sleep(expiresAtMs - Date.now() + 50)
      assert.equal(await store.read(key), undefined)
      const late = await store.write(key, { expectedVersion: 1, expiresAtMs: inAnHour(), body: 'too late' })
      assert.deepEqual(plain(late), { status: 'gone' })
      assert.equal(await store.touch(key, inAnHour()), false)
    },
  },
  {
    title: 'a touch moves the expiry later, never earlier, and leaves version and body alone',
    async check(store) {
      const expiresAtMs = inAnHour()
      const key = await created(store, 'touched', expiresAtMs)
      assert.equal(await store.touch(key, expiresAtMs + 5_000), true)
      assert.deepEqual(plain(await store.read(key)), { version: 1, expiresAtMs: expiresAtMs + 5_000, body: 'touched' })
      assert.equal(await store.touch(key, expiresAtMs), true)
      assert.deepEqual(plain(await store.read(key)), { version: 1, expiresAtMs: expiresAtMs + 5_000, body: 'touched' })
      assert.equal(await store.touch(freshKey(), inAnHour()), false)
    },
  },
  {
    title: 'a touch keeps a session alive past its first expiry',
    async check(store) {
      const expiresAtMs = Date.now() + BRIEF_MS
      const key = await created(store, 'kept alive', expiresAtMs)
      await store.touch(key, expiresAtMs + HOUR_MS)
      await sleep(expiresAtMs - Date.now() + 50)
      assert.equal((await store.read(key))?.body, 'kept alive')
    },
  },
  {
    title: 'every node sees what another wrote, touched or destroyed',
    needs: 'shared',
    async check(store, another) {
      const neighbour = await another()
      const key = await created(store, 'from one')
      assert.equal((await neighbour.read(key))?.body, 'from one')
      await neighbour.write(key, { expectedVersion: 1, expiresAtMs: inAnHour(), body: 'from two' })
      assert.equal((await store.read(key))?.body, 'from two')
      await store.destroy(key, { fenceUntilMs: inAnHour() })
      const result = await neighbour.write(key, { expectedVersion: 2, expiresAtMs: inAnHour(), body: 'from the dead' })
      assert.equal(result.status, 'gone')
      assert.equal(await neighbour.read(key), undefined)
    },
  },
  {
    title: 'a node that listens is told what another one sends, and nothing once it has stopped',
    needs: 'notifies',
    async check(store, another) {
      const { notifications } = store
      // Absent with the capability.
      if (notifications === undefined) {
        return assert.equal(
          store.capabilities.notifies,
          undefined,
          'the store claims to notify, and has no `notifications`',
        )
      }
      // Others may send too.
      const own = freshKey()
      const hear = (heard: Set<string>): OnNotification => ({
        text: (text) => text.startsWith(own) && heard.add(text),
        lost() {},
      })
      const heard = new Set<string>()
      const listener = notifications.listen(hear(heard))
      const neighbour = await another()
      try {
        await until('it listens', () => listener.isListening)
        const texts = ['first', '김영희 🛒', 'third'].map((text) => `${own} ${text}`)
        for (const text of texts) await neighbour.notifications?.send(text)
        await until('all texts have come', () => heard.size === texts.length)
        assert.deepEqual([...heard].sort(), texts.sort())
      } finally {
        listener.stop()
      }
      const heardLater = new Set<string>()
      const other = notifications.listen(hear(heardLater))
      try {
        await until('it listens again', () => other.isListening)
        other.renew()
        await until('it listens anew', () => other.isListening)
        await neighbour.notifications?.send(`${own} fourth`)
        await until('the fourth has come', () => heardLater.has(`${own} fourth`))
      } finally {
        other.stop()
      }
      assert.equal(heard.size, 3, 'what stopped is told nothing more')
    },
  },
  {
    title: 'what a node wrote is there after that node is gone',
    needs: 'survivesNodeDeath',
    async check(store, another) {
      const leaving = await another()
      const key = await created(leaving, 'left behind')
      await leaving.close()
      assert.equal((await store.read(key))?.body, 'left behind')
    },
  },
  {
    title: 'what was acknowledged is there after the store has restarted',
    needs: 'survivesStoreRestart',
    restarts: true,
    async check(store, another, restart) {
      const [changed, ended] = [await created(store), await created(store)]
      await store.write(changed, { expectedVersion: 1, expiresAtMs: inAnHour(), body: 'two' })
      await store.destroy(ended, { fenceUntilMs: inAnHour() })
      await restart()
      const later = await another()
      const record = await later.read(changed)
      assert.deepEqual([record?.version, record?.body], [2, 'two'])
      assert.equal(await later.read(ended), undefined)
    },
  },
  {
    title: 'it is healthy while it serves, and rejects with StoreUnavailableError once closed',
    async check(_store, another) {
      const closing = await another()
      await closing.health()
      const key = await created(closing)
      await closing.close()
      await assert.rejects(closing.health(), StoreUnavailableError)
      await assert.rejects(closing.read(key), StoreUnavailableError)
      const write = { expectedVersion: 1, expiresAtMs: inAnHour(), body: 'after closing' }
      await assert.rejects(closing.write(key, write), StoreUnavailableError)
      await assert.rejects(closing.touch(key, inAnHour()), StoreUnavailableError)
      await assert.rejects(closing.destroy(key, { fenceUntilMs: inAnHour() }), StoreUnavailableError)
      await closing.close()
    },
  },
]
