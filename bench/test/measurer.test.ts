/** The self-check of the harness: injected figures beside reported ones. */
import test from 'ava'
import { planFrom, type Plan } from '../self-check/measurer-plan.ts'
import type { OperationEvent } from '@ninelives/lab'
import { reportOf } from '../self-check/measurer-report.ts'
import type { Harm } from '../self-check/measurer-stub.ts'

const plan: Plan = planFrom(0)
const harm: Harm = { writesLost: 1, writesDoubled: 0, sessionsLost: 0, heldMs: [8, 8, 60] }
const EVERY_MS = 20
const TOOK_MS = 10

/** Of one user, with a constant latency outside the stall and the outage of the plan. */
function eventsOf({ stall, outage, endMs }: Plan): OperationEvent[] {
  const events: OperationEvent[] = []
  let op = 0
  const operation = (
    dueAtMs: number,
    endedAtMs: number,
    isGood: boolean,
    about: { sku?: string; items?: [string, number][] },
  ) => {
    const { sku, items } = about
    const kind = sku === undefined ? 'read' : 'put'
    const sending = { user: 'user-0', visit: 1, tab: op, kind, ...(sku === undefined ? {} : { sku }), dueAtMs } as const
    events.push({ type: 'operation-sent', op, ...sending, sentAtMs: dueAtMs, lateMs: 0 })
    const ending = isGood
      ? { outcome: 'ok' as const, as: 'user-0', ...(items && { items }) }
      : { outcome: 'failed' as const, why: 'ECONNRESET' }
    events.push({ type: 'operation-ended', op: op++, endedAtMs, ...ending })
  }
  operation(1, 2, true, { sku: 'lost' })
  for (let dueAtMs = 100; dueAtMs < endMs; dueAtMs += EVERY_MS) {
    const stallEndMs = stall.atMs + stall.forMs
    const isStalled = dueAtMs + TOOK_MS > stall.atMs && dueAtMs < stallEndMs
    const isOut = dueAtMs + TOOK_MS > outage.atMs && dueAtMs < outage.atMs + outage.forMs
    operation(dueAtMs, isStalled ? stallEndMs : dueAtMs + TOOK_MS, !isOut, { items: [] })
  }
  return events
}

test('every reported figure stands beside the injected one', (t) => {
  const lines = new Map(reportOf(eventsOf(plan), plan, harm).map((line) => [line.what, line]))
  t.like(lines.get('latency, p50'), { injected: 8, reported: TOOK_MS })
  t.like(lines.get('latency, p99'), { injected: 60, reported: TOOK_MS })
  t.like(lines.get('writes lost'), { injected: 1, reported: 1 })
  t.like(lines.get('writes doubled'), { injected: 0, reported: 0 })
  const outage = lines.get('outage')
  t.is(outage?.injected, plan.outage.forMs)
  t.true((outage?.reported ?? 0) >= plan.outage.forMs && (outage?.reported ?? 0) <= plan.outage.forMs + 2 * EVERY_MS)
  const stall = lines.get('stall')
  t.true((stall?.reported ?? 0) >= plan.stall.forMs && (stall?.reported ?? 0) <= plan.stall.forMs + 2 * EVERY_MS)
  const waited = lines.get('latency in a stall, p50')
  t.true(Math.abs((waited?.injected ?? 0) - plan.stall.forMs / 2) <= EVERY_MS, 'half of the stall, for those due in it')
  t.true(Math.abs((waited?.reported ?? 0) - (waited?.injected ?? 0)) <= TOOK_MS)
})
