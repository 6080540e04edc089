/** The figures of a fault, from traces written by hand. */
import { decodeTrace, type EventBody, type TraceEvent } from '@ninelives/history'
import test from 'ava'
import { faultBegun, faultEnded, faultWatched } from '../strategies/faults/marks.ts'
import { killMeasures } from '../strategies/faults/metrics.ts'

interface Done {
  readonly user?: string
  readonly dueAtMs: number
  readonly tookMs?: number
  readonly outcome?: 'ok' | 'failed'
  readonly lateMs?: number
  readonly kind?: 'login' | 'put' | 'read'
  readonly why?: string
  readonly sku?: string
  readonly items?: readonly (readonly [string, number])[]
}

const FAULT_AT_MS = 10_000
const BEFORE_MS = 2_000

/** Events in order, as the lab writes them. */
function trace(events: readonly (EventBody & { readonly atMs: number })[]): readonly TraceEvent[] {
  const start = {
    type: 'run-started',
    schema: 1,
    run: 'r',
    seed: 1,
    users: 1,
    rate: 1,
    nodes: [],
    strategy: {},
    store: 'memory:',
    startedAtMs: 0,
    atMs: 0,
  }
  const sorted = events.toSorted((one, other) => one.atMs - other.atMs)
  return decodeTrace([start, ...sorted].map((event, seq) => JSON.stringify({ ...event, seq })).join('\n')).events
}

function at<Body extends EventBody>(atMs: number, body: Body): Body & { readonly atMs: number } {
  return { ...body, atMs }
}

/** One without `tookMs` never ended. */
function operations(all: readonly Done[]): (EventBody & { readonly atMs: number })[] {
  return all.flatMap(({ user = 'user-0', dueAtMs, tookMs, outcome = 'ok', lateMs = 0, kind = 'read', ...rest }, op) => {
    const { why, sku, items } = rest
    const put = sku === undefined ? {} : { sku }
    const times = { dueAtMs, sentAtMs: dueAtMs, lateMs }
    const sent: EventBody = {
      type: 'operation-sent',
      op,
      user,
      visit: 1,
      tab: 0,
      kind,
      session: user,
      ...put,
      ...times,
    }
    if (tookMs === undefined) return [at(dueAtMs, sent)]
    const endedAtMs = dueAtMs + tookMs
    const seen = { node: 'a', ...(outcome === 'ok' ? { as: user } : {}), ...(items === undefined ? {} : { items }) }
    const ended: EventBody = { type: 'operation-ended', op, endedAtMs, outcome, session: user, ...seen }
    return [at(dueAtMs, sent), at(endedAtMs, why === undefined ? ended : { ...ended, why })]
  })
}

function fault(watchedMs = 7_000, failed?: string, atMs = FAULT_AT_MS): (EventBody & { readonly atMs: number })[] {
  const told = { target: 'b', nodes: ['b'], ...(failed === undefined ? {} : { failed }) }
  return [at(atMs, faultBegun('kill')), at(atMs + 1, faultEnded(told)), at(atMs + watchedMs, faultWatched())]
}

/** One every 20 ms, each answered after 4 ms, from and to times after the fault; `change` alters them. */
function steady(fromMs: number, toMs: number, change: Partial<Done> = {}): Done[] {
  return Array.from({ length: (toMs - fromMs) / 20 }, (_, index) => ({
    dueAtMs: FAULT_AT_MS + fromMs + index * 20,
    tookMs: 4,
    ...change,
  }))
}

const about = (atMs: number, upstream: string) =>
  at(atMs, { type: 'upstream-ejected', upstream, reason: 'refused' } as const)

const measured = (...events: (EventBody & { readonly atMs: number })[]) => killMeasures(trace(events), BEFORE_MS)

test('without an effect the outage is the gap between two answers, and recovery is immediate', (t) => {
  const [kill] = measured(...operations(steady(-3_000, 7_000)), ...fault())
  t.is(kill?.outageMs, 20)
  t.is(kill?.recoveryMs, 0)
  t.is(kill?.firstSuccessMs, 4)
  t.is(kill?.userOutageMs, 0)
  t.is(kill?.lostUserSeconds, 0)
  t.deepEqual(kill?.phases.before, { p50: 4, p99: 4, n: 100 })
  t.deepEqual(kill?.phases.after, { p50: 4, p99: 4, n: 300 })
  t.is(kill?.excluded, undefined)
})

test('an outage lasts from the fault to the first good answer to any user', (t) => {
  const down = steady(0, 600, { outcome: 'failed', why: '502' })
  const [kill] = measured(...operations([...steady(-2_000, 0), ...down, ...steady(600, 7_000)]), ...fault())
  t.is(kill?.outageMs, 604)
  t.is(kill?.firstSuccessMs, 604)
  t.is(kill?.userOutageMs, 604)
  t.is(kill?.lostUserSeconds, 0.604)
  t.is(kill?.requestsFailed, 30)
  t.is(kill?.recoveryMs, 600)
})

test('an outage of one of two users is not an outage of all', (t) => {
  const other = steady(-2_000, 7_000, { user: 'user-1' })
  const down = steady(0, 400, { outcome: 'failed', why: '502' })
  const mine = [...steady(-2_000, 0), ...down, ...steady(400, 7_000)]
  const [kill] = measured(...operations([...mine, ...other]), ...fault())
  t.is(kill?.outageMs, 20)
  t.is(kill?.userOutageMs, 404)
  t.is(kill?.lostUserSeconds, 0.404)
})

test('an operation without an answer counts until the end of the watch', (t) => {
  const hanging = { dueAtMs: FAULT_AT_MS + 1 }
  const [kill] = measured(...operations([...steady(-2_000, 7_000), hanging]), ...fault())
  t.is(kill?.phases.outage?.n, 51)
  t.is(kill?.phases.outage?.p99, 7_000)
})

test('bins go by the due time, from before the fault to the end', (t) => {
  const slow = { dueAtMs: FAULT_AT_MS + 150, tookMs: 900 }
  const [kill] = measured(...operations([...steady(-2_000, 7_000), slow]), ...fault())
  t.is(kill?.bins.length, 90)
  t.is(kill?.bins[0]?.fromMs, -2_000)
  t.deepEqual(kill?.bins[21], { fromMs: 100, due: 6, ok: 6, p50Ms: 4, maxMs: 900 })
})

test('without recovery during the watch there is no figure', (t) => {
  const down = steady(0, 3_000, { outcome: 'failed', why: '502' })
  const [kill] = measured(...operations([...steady(-2_000, 0), ...down, ...steady(3_000, 7_000)]), ...fault())
  t.is(kill?.recoveryMs, undefined)
})

test('five good seconds do not hide a bad half second', (t) => {
  const later = steady(2_000, 2_100, { outcome: 'failed', why: '502' })
  const all = [...steady(-2_000, 2_000), ...later, ...steady(2_100, 9_000)]
  const [kill] = measured(...operations(all), ...fault(9_000))
  t.is(kill?.recoveryMs, 2_100)
})

test('slower answers than before are no recovery', (t) => {
  const slow = steady(0, 1_000, { tookMs: 200 })
  const [kill] = measured(...operations([...steady(-2_000, 0), ...slow, ...steady(1_000, 7_000)]), ...fault())
  // One per cent of five seconds may be slow: three of 250.
  t.is(kill?.recoveryMs, 1_000)
})

test('detection is the balancer’s event about that node', (t) => {
  const events = [...operations(steady(-2_000, 7_000)), ...fault()]
  t.is(measured(...events, about(9_000, 'b'), about(10_030, 'a'), about(10_080, 'b'))[0]?.detectionMs, 80)
  t.is(measured(...events)[0]?.detectionMs, undefined)
})

test('an open session that is gone is lost, with its writes', (t) => {
  const login = { dueAtMs: 9_000, tookMs: 5, kind: 'login' } as const
  const put = { dueAtMs: 9_100, tookMs: 5, kind: 'put', sku: 'x', items: [['x', 1]] } as const
  const refused = { dueAtMs: 10_100, tookMs: 5, kind: 'read', outcome: 'failed', why: 'logged-out' } as const
  const others = steady(-2_000, 7_000, { user: 'user-1' })
  const again = { ...refused, dueAtMs: 10_200 }
  const [kill] = measured(...operations([login, put, refused, again, ...others]), ...fault())
  t.is(kill?.sessionsExposed, 1)
  t.is(kill?.sessionsLost, 1)
  t.is(kill?.writesAcknowledged, 1)
  t.is(kill?.writesLost, 1)
  t.is(kill?.writesDuplicated, 0)
})

test('a session that ended before the fault was not exposed to it', (t) => {
  const login = { dueAtMs: 9_000, tookMs: 5, kind: 'login' } as const
  const refused = { dueAtMs: 9_500, tookMs: 5, outcome: 'failed', why: 'logged-out' } as const
  const others = steady(-2_000, 7_000, { user: 'user-1' })
  const [kill] = measured(...operations([login, refused, { ...refused, dueAtMs: 9_600 }, ...others]), ...fault())
  t.is(kill?.sessionsExposed, 0)
  t.is(kill?.sessionsLost, 0)
})

test('a fault that did not land, or with a late generator, is excluded', (t) => {
  const events = operations(steady(-2_000, 7_000))
  t.regex(measured(...events, ...fault(7_000, 'no process died'))[0]?.excluded ?? '', /did not land: no process died/)
  const late = operations(steady(-2_000, 7_000, { lateMs: 12 }))
  t.regex(measured(...late, ...fault())[0]?.excluded ?? '', /12\.0 ms late/)
})

test('the next fault ends the watch of the one before it', (t) => {
  const second = fault(7_000, undefined, FAULT_AT_MS + 5_000)
  const kills = measured(...operations(steady(-2_000, 12_000)), ...fault(4_000), ...second)
  t.deepEqual(
    kills.map(({ requestsSent }) => requestsSent),
    [200, 350],
  )
})
