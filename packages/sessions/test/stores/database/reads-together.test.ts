import test from 'ava'
import type { SessionKey } from '../../../src/contract.ts'
import type { Row } from '../../../src/stores/database/dialect.ts'
import { readsTogether } from '../../../src/stores/database/servers/reads-together.ts'

const key = (name: string | number): SessionKey => `${name}` as SessionKey
const rowOf = (name: SessionKey): Row => ({ version: 1, expiresAtMs: 0, body: `the body of ${name}` })

const find = (name: SessionKey): Row | undefined => (name === 'absent' ? undefined : rowOf(name))

/** A database that has every key but 'absent'. `statements` has the keys of each statement that it was sent. */
function database({ fails = false } = {}) {
  const statements: (readonly SessionKey[])[] = []
  const carryOut = async (keys: readonly SessionKey[]): Promise<void> => {
    statements.push(keys)
    if (fails) throw new Error('out')
  }
  const read = readsTogether({
    async readOne(name) {
      await carryOut([name])
      return find(name)
    },
    async readSome(keys) {
      await carryOut(keys)
      return new Map(keys.map((name) => [name, find(name)]))
    },
  })
  return { read, statements }
}

test('reads of one turn go as one statement, and each gets its own row', async (t) => {
  const { read, statements } = database()
  const rows = await Promise.all(['a', 'absent', 'b', 'a'].map((name) => read(key(name))))
  t.deepEqual(rows, [rowOf(key('a')), undefined, rowOf(key('b')), rowOf(key('a'))])
  t.deepEqual(statements, [['a', 'absent', 'b']])
})

test('a read alone is a statement of its own', async (t) => {
  const { read, statements } = database()
  t.deepEqual(await read(key('a')), rowOf(key('a')))
  t.is(await read(key('absent')), undefined)
  t.deepEqual(statements, [['a'], ['absent']])
})

test('a read that comes after a statement was sent does not get its answer', async (t) => {
  const { read, statements } = database()
  const before = read(key('a'))
  await new Promise(setImmediate)
  const after = read(key('a'))
  await Promise.all([before, after])
  t.deepEqual(statements, [['a'], ['a']])
})

test('a statement that fails rejects each of its reads', async (t) => {
  const { read, statements } = database({ fails: true })
  const results = await Promise.allSettled(['a', 'b'].map((name) => read(key(name))))
  t.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.is(statements.length, 1)
})

test('a statement has eight keys at most, and those that come later go together too', async (t) => {
  const { read, statements } = database()
  const names = Array.from({ length: 18 }, (_, number) => key(number))
  const rows = await Promise.all(names.map((name) => read(name)))
  t.deepEqual(rows, names.map(rowOf))
  t.deepEqual(
    statements.map((keys) => keys.length),
    [8, 8, 2],
  )
})
