import test from 'ava'
import type { SessionKey } from '../../src/contract.ts'
import { lastKnown } from '../../src/context/last-known.ts'
import type { Snapshot } from '../../src/record/record.ts'

const LIMITS = { sessionsMax: 3, dataLengthMax: 100, ageMaxMs: 1_000 }

function snapshot(length: number): Snapshot {
  const body = {
    createdAtMs: 0,
    usedAtMs: undefined,
    secretDigest: '',
    user: undefined,
    epoch: 0,
    retired: [],
    answersText: undefined,
  }
  return { version: 1, expiresAtMs: 10_000, body: { ...body, dataText: 'x'.repeat(length) } }
}

const keys = (text: string): SessionKey[] => text.split(' ') as SessionKey[]

test('the oldest copies are given up, by number and by length', (t) => {
  const known = lastKnown(LIMITS)
  const kept = (): string =>
    keys('a b c d')
      .filter((key) => known.lastSeen(key, 0))
      .join(' ')
  for (const key of keys('a b c d')) known.see(key, snapshot(10), 0)
  t.is(kept(), 'b c d')
  for (const key of keys('b c')) known.see(key, snapshot(40), 0)
  t.is(kept(), 'b c d', 'seen again, a session is counted once')
  for (const key of keys('a')) known.see(key, snapshot(50), 0)
  t.is(kept(), 'a c')
  for (const key of keys('c')) known.forget(key)
  for (const key of keys('d')) known.see(key, snapshot(50), 0)
  t.is(kept(), 'a d')
  for (const key of keys('b')) known.see(key, snapshot(101), 0)
  t.is(kept(), '', 'one that is too long by itself is not kept, and leaves no room for others')
})

test('a copy that is too old, or has expired, is not found', (t) => {
  const known = lastKnown({ ...LIMITS, ageMaxMs: 20_000 })
  const [key] = keys('a') as [SessionKey]
  known.see(key, snapshot(1), 5_000)
  t.truthy(known.lastSeen(key, 9_999))
  t.is(known.lastSeen(key, 10_000), undefined)
  const short = lastKnown(LIMITS)
  short.see(key, snapshot(1), 0)
  t.is(short.lastSeen(key, 1_001), undefined)
})
