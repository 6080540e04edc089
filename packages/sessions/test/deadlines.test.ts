import { stat } from 'node:fs/promises'
import test from 'ava'
import { deadlineList } from '../src/deadlines.ts'

const late = (): Error => new Error('late')
const never = (): Promise<never> => new Promise(() => {})

test('a call whose answer came while this process stood still is not late', async (t) => {
  const deadlines = deadlineList(20, late)
  const answer = deadlines.within(stat(import.meta.filename))
  for (const untilMs = performance.now() + 200; performance.now() < untilMs;) void 0
  t.true((await answer).isFile())
})

test('calls that get no answer are late one after the other, and the next in their time', async (t) => {
  const deadlines = deadlineList(20, late)
  const lates: number[] = []
  await Promise.all(
    [1, 2, 3].map((number) => deadlines.within(never(), () => lates.push(number)).catch((error: unknown) => error)),
  )
  t.deepEqual(lates, [1, 2, 3])
  await t.throwsAsync(deadlines.within(never()), { message: 'late' })
  const waiting = deadlines.within(never())
  deadlines.giveUp(() => new Error('closed'))
  await t.throwsAsync(waiting, { message: 'closed' })
  t.is(await deadlines.within(Promise.resolve('answer')), 'answer')
})
