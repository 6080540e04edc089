import test from 'ava'
import { type Accounts, demoAccounts } from '../../src/shop/accounts.ts'
import { displayNameOf } from '../../src/shop/names.ts'
import { slots } from '../../src/shop/slots.ts'

test('an account takes only its own password, before and after all are hashed', async (t) => {
  const accounts = demoAccounts({ count: 30, cost: 'low' })
  for (const phase of ['while', 'after'] as const) {
    if (phase === 'after') await accounts.enrolled
    t.like(await accounts.verify('user-29', 'password-29'), { name: 'user-29', displayName: displayNameOf(29) })
    for (const [name, password] of [
      ['user-29', 'password-28'],
      ['user-29', ''],
      ['user-30', 'password-30'],
      ['user-01', 'password-1'],
      ['user--1', 'password--1'],
      ['constructor', 'password-0'],
    ] as const) {
      t.is(await accounts.verify(name, password), undefined, `${phase}: ${name} ${password}`)
    }
  }
})

test('what an account tells of itself holds no password', async (t) => {
  const accounts = demoAccounts({ count: 1, cost: 'low' })
  const expected = { name: 'user-0', displayName: displayNameOf(0) }
  t.deepEqual(await accounts.verify('user-0', 'password-0'), expected)
  t.deepEqual(accounts.find('user-0'), expected)
})

const TIMES = 7

/** In turns, so that both meet the same other work on this machine. */
async function mediansMs(accounts: Accounts, names: readonly string[]): Promise<number[]> {
  const durations = names.map((): number[] => [])
  for (let time = 0; time < TIMES; time++) {
    for (const [index, name] of names.entries()) {
      const startedAtMs = performance.now()
      await accounts.verify(name, 'wrong')
      durations[index]?.push(performance.now() - startedAtMs)
    }
  }
  return durations.map((each) => each.sort((left, right) => left - right)[Math.floor(TIMES / 2)] ?? 0)
}

// Without a decoy an unknown name would answer in a hundredth of the time. The bound leaves room for a busy machine.
for (const [phase, count] of [
  ['once passwords are enrolled', 1],
  ['while they are', 100],
] as const) {
  test.serial(`an unknown name takes as long as a wrong password, ${phase}`, async (t) => {
    const accounts = demoAccounts({ count, cost: 'standard' })
    if (count === 1) await accounts.enrolled
    const [known = 0, unknown = 0] = await mediansMs(accounts, ['user-0', 'nobody'])
    t.true(unknown > known / 4 && known > unknown / 4, `known ${known} ms, unknown ${unknown} ms`)
    // Otherwise the next test would compete with it, and the process would not end.
    await accounts.enrolled
  })
}

test('names are the same on every node, Korean, and not all alike', (t) => {
  const names = Array.from({ length: 100 }, (_, number) => displayNameOf(number))
  for (const name of names) t.regex(name, /^[가-힣]{3}$/)
  t.deepEqual(names.slice(0, 3), ['윤시우', displayNameOf(1), displayNameOf(2)])
  t.true(new Set(names).size > 60)
})

test('tasks run up to a bound, queue up to a bound, and are refused beyond', async (t) => {
  const within = slots({ runningMax: 2, waitingMax: 1 })
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<string>())
  let started = 0
  const results = gates.map((gate) =>
    within(() => {
      started += 1
      return gate.promise
    }),
  )
  await t.throwsAsync(
    within(async () => {}),
    { code: 'BUSY' },
  )
  t.is(started, 2)
  gates[0]?.reject(new Error('failed'))
  await t.throwsAsync(async () => await results[0], { message: 'failed' })
  gates[1]?.resolve('second')
  gates[2]?.resolve('third')
  t.deepEqual(await Promise.all(results.slice(1)), ['second', 'third'])
  t.is(started, 3)
  t.is(await within(async () => 'free again'), 'free again')
})
