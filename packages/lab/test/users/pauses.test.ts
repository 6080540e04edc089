import test from 'ava'
import { Pauses } from '../../src/users/pauses.ts'

const A_DAY_MS = 86_400_000

test('ten thousand pauses end together, and no later one takes time', async (t) => {
  const pauses = new Pauses()
  const many = Array.from({ length: 10_000 }, () => pauses.pause(A_DAY_MS))
  t.false(pauses.areOver)
  pauses.end()
  t.true(pauses.areOver)
  await Promise.all([...many, pauses.pause(A_DAY_MS)])
})

test('a pause ends by itself', async (t) => {
  const pauses = new Pauses()
  await pauses.pause(1)
  t.false(pauses.areOver)
})
