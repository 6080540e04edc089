/**
 * Tests the checkers with stores that are broken on purpose, each in one way: its own checker must find it within a few seconds of a
 * lively load, and no other checker may find anything. If the damage is of two kinds, `also` names the other one, and why.
 */
import test from 'ava'
import type { AnomalyKind } from '@ninelives/history'
import { run } from '../fixtures/command.ts'
import { brokenStore, judged, type Judging } from '../fixtures/judged-shop.ts'
import { scratch } from '../fixtures/open-lab.ts'

interface Broken extends Partial<Judging> {
  readonly name: string
  readonly query?: string
  readonly caughtAs: AnomalyKind
  /** What else it does to users, and how. */
  readonly also?: { readonly [kind in AnomalyKind]?: string }
}

const lively = { users: 10, tabs: 1, rate: 300, operations: 900, seed: 7 }
/** Every tab is left alone for 1.1 to 3.3 seconds at a time. */
const leisurely = { users: 120, tabs: 1, rate: 120 / 2.2, operations: 240, seed: 7 }

const fixation =
  'a login that does not find its session when it looks whether the answer needs the new id leaves the old cookie'

const stores: readonly Broken[] = [
  { name: 'dropped-writes', caughtAs: 'lost-write', operations: 1_200 },
  { name: 'undead-sessions', caughtAs: 'resurrection' },
  { name: 'ghost-writes', caughtAs: 'resurrection' },
  {
    name: 'mixed-up-users',
    caughtAs: 'leak',
    also: {
      duplicate: "a user that counts in another's session gets a number above its own counts",
      'lost-session':
        "a write makes the session the other user's, under a new id; a user that misses that answer keeps an id that opens nothing",
    },
  },
  { name: 'doubled-writes', caughtAs: 'duplicate' },
  {
    name: 'old-copies-after-join',
    caughtAs: 'stale-read',
    also: { 'back-in-time': 'a write builds on what is there now and its answer shows it; the next read is old again' },
  },
  {
    name: 'forgotten-sessions',
    caughtAs: 'lost-session',
    also: { 'lost-write': 'what a visitor counted is gone with a session that is gone at the login', fixation },
  },
  {
    name: 'absent-sessions',
    caughtAs: 'flapping-session',
    also: {
      'lost-session': 'a user that counts without a session gets a new one, in the place of the old',
      resurrection: 'a logout that does not find the session does not end it',
      'lost-write': 'what a visitor counted is gone where the login does not find the session',
      fixation,
    },
  },
  { name: 'forgotten-contents', caughtAs: 'amnesia' },
  { name: 'early-expiry', caughtAs: 'early-expiry', ...leisurely, idleTimeoutMs: 4_000 },
  { name: 'late-expiry', caughtAs: 'late-expiry', ...leisurely, idleTimeoutMs: 1_000 },
  { name: 'kept-ids', caughtAs: 'fixation', operations: 2_400 },
  {
    name: 'last-write-wins',
    caughtAs: 'lost-update',
    tabs: 3,
    also: {
      'stale-read': 'a user that read before the loss and writes after it brings the lost item back',
      'back-in-time': 'the same, where it had been seen before it was lost',
      hole: 'the same, where what replaced it had been seen first',
    },
  },
  {
    name: 'flapping-copies',
    caughtAs: 'back-in-time',
    also: { 'stale-read': 'the copy that is behind also lacks items that no look has shown yet' },
  },
  {
    name: 'hidden-writes',
    operations: 4_000,
    caughtAs: 'hole',
    tabs: 3,
    also: {
      'stale-read': 'until something else is put in, nothing later shows',
      'back-in-time': 'an answer under way showed it',
    },
  },
  { name: 'refused-and-written', caughtAs: 'visible-though-failed' },
  { name: 'phantom-things', caughtAs: 'phantom' },
  { name: 'lagging-standby', query: '?on=shared:standby', standby: '&standby', caughtAs: 'copies-differ' },
]

/** They wait for their users most of the time, so a few go side by side. */
const LANES = 4
const lanes = Array.from({ length: LANES }, () => Promise.resolve())

for (const [index, store] of stores.entries()) {
  const { name, query, caughtAs, also = {}, standby, ...changes } = store
  test(`${name}: ${caughtAs}`, async (t) => {
    const before = lanes[index % LANES]
    const { promise, resolve } = Promise.withResolvers<void>()
    lanes[index % LANES] = promise
    t.teardown(resolve)
    await before
    const other = standby === undefined ? {} : { standby: brokenStore(name, `${query}${standby}`) }
    const { anomalies } = await judged(t, { ...lively, ...changes, ...other, store: brokenStore(name, query) })
    const kinds = anomalies.map(({ kind }) => kind)
    for (const { kind, times, worst } of anomalies) t.log(`${kind}, ${times} times: ${worst.text}`)
    t.true(kinds.includes(caughtAs), 'it is caught')
    t.deepEqual(
      kinds.filter((kind) => kind !== caughtAs && !(kind in also)),
      [],
      'and for nothing else',
    )
  })
}

test("as a store of the user's own, in a process of its own, it gets its verdict", async (t) => {
  const directory = scratch(t)
  const flags = ['--kills', '0', '--nodes', '1', '--users', '10', '--tabs', '3', '--seed', '5', '--logs', directory]
  const command = run(t, ['prove', ...flags, '--store', brokenStore('last-write-wins')])
  t.is(await command.exited, 1, command.output.stderr)
  t.regex(command.output.stdout, /Anomaly +lost-update, \d+ times?\n/)
  t.regex(command.output.stdout, /Verdict +invalid\n/)
})

/** Users on the floor, who log out while their other tabs go on. */
const onFloor = ['--kills', '0', '--floor', '1', '--users', '6', '--tabs', '3', '--rate', '120', '--seed', '5']

test('dropped-moves: lost-move', async (t) => {
  const store = brokenStore('dropped-moves')
  const command = run(t, ['prove', ...onFloor, '--nodes', '1', '--logs', scratch(t), '--store', store])
  t.is(await command.exited, 1, command.output.stderr)
  t.regex(command.output.stdout, /Moves +\d+ acknowledged, \d+ lost, 0 done twice/)
  // What else it does: items are dropped as well. The version that it acknowledged is that of another write later, which the socket's next
  // move replaces by what the socket knows: items and moves that were seen are missing for a while, or for good.
  const also = ['lost-write', 'lost-update', 'back-in-time', 'stale-read']
  t.deepEqual(anomaliesIn(command.output.stdout, also), ['lost-move'])
})

test('kept-sockets: outlived-socket', async (t) => {
  const directory = scratch(t)
  const store = brokenStore('kept-sockets', `?on=sqlite:${directory}/sessions.db`)
  const flags = ['--nodes', '2', '--require', 'logout-during-write', '--logs', `${directory}/run`]
  const command = run(t, ['prove', ...onFloor, ...flags, '--store', store])
  t.is(await command.exited, 1, command.output.stderr)
  t.deepEqual(anomaliesIn(command.output.stdout), ['outlived-socket'])
})

function anomaliesIn(stdout: string, beside: readonly string[] = []): string[] {
  const found = [...stdout.matchAll(/^ +Anomaly +([\w-]+),/gm)].map(([, kind]) => kind as string)
  return found.filter((kind) => !beside.includes(kind))
}
