import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { SessionKey } from '../../../src/contract.ts'
import { StoreCopiesError, StoreUnavailableError } from '../../../src/errors.ts'
import { guardedStore } from '../../../src/stores/guard/guarded-store.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { until } from '../../support/until.ts'

const KEY = 'key' as SessionKey
const CALL_TIMEOUT_MS = 4_000

/** A store whose reads are answered when the test says so. */
function held() {
  const answers: (() => void)[] = []
  let isDown = true
  const store = {
    ...memoryStore(),
    async read() {
      if (isDown) throw new StoreUnavailableError('memory')
      await new Promise<void>((resolve) => answers.push(resolve))
      return undefined
    },
  }
  const answerAll = (): void => {
    for (const answer of answers.splice(0)) answer()
  }
  const recover = (): void => void (isDown = false)
  const reads = (): number => answers.length
  return { store, answerAll, recover, reads }
}

async function rejected(calls: readonly Promise<unknown>[]): Promise<number> {
  return (await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected').length
}

test('calls that gave up waiting for a slow store do not stand in the way of later ones', async (t) => {
  const { store, answerAll, recover, reads } = held()
  const guard = { callTimeoutMs: CALL_TIMEOUT_MS, failuresMax: 1, pauseMinMs: 1, pauseMaxMs: 1 }
  const guarded = guardedStore(store, guard)
  t.teardown(() => guarded.close())
  const read = () => guarded.read(KEY)
  const many = (count: number) => Array.from({ length: count }, read)

  await t.throwsAsync(read(), { instanceOf: StoreUnavailableError })
  recover()
  await sleep(5)
  const probe = read()
  answerAll()
  await probe
  // Two may run by now; the others wait.
  const running = many(2)
  const waiting = many(20)
  await sleep(CALL_TIMEOUT_MS / 2)
  answerAll()
  t.is(await rejected(running), 0)
  await until('four reads', () => reads() === 4)
  const gaveUp = waiting.slice(4)
  t.is(await rejected(gaveUp), gaveUp.length)

  const later = many(5)
  answerAll()
  t.is(await rejected(waiting.slice(0, 4)), 0)
  await until('a fifth read', () => reads() === 5)
  answerAll()
  t.is(await rejected(later), 0)
})

test('calls that are held back are refused at once when the store fails again', async (t) => {
  const { store, answerAll, recover } = held()
  const guarded = guardedStore(store, { callTimeoutMs: 100, failuresMax: 1, pauseMinMs: 60_000, pauseMaxMs: 60_000 })
  t.teardown(() => guarded.close())
  await t.throwsAsync(guarded.read(KEY), { instanceOf: StoreUnavailableError })
  recover()
  await guarded.health()
  const calls = Array.from({ length: 50 }, () => guarded.read(KEY))
  // The two that run are not answered in time, which opens the breaker for a minute.
  t.is(await rejected(calls), calls.length)
  answerAll()
})

test('a store that answers, and refuses each change, goes on being asked', async (t) => {
  const refusing = { ...memoryStore(), write: () => Promise.reject(new StoreCopiesError('memory')) }
  const guarded = guardedStore(refusing, { failuresMax: 2 })
  t.teardown(() => guarded.close())
  for (let tries = 0; tries < 10; tries++) {
    const write = guarded.write(KEY, { expectedVersion: 0, expiresAtMs: Date.now() + 60_000, body: 'body' })
    await t.throwsAsync(write, { instanceOf: StoreCopiesError })
  }
  t.is(await guarded.read(KEY), undefined)
})
