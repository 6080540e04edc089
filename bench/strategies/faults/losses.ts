/** The sessions and writes that each fault lost, from the ledger of the judge. */
import { duplicate, Ledger, type Put, putsOf, type TraceEvent, type Visit } from '@ninelives/history'

export interface Losses {
  readonly sessionsExposed: number
  readonly sessionsLost: number
  readonly writesAcknowledged: number
  readonly writesLost: number
  readonly writesDuplicated: number
}

/** From a fault to the next one, or to the end of the trace. Losses found within are that fault's. */
export interface Reign {
  readonly fromMs: number
  readonly toMs: number
}

/** One session. */
interface Told {
  readonly fromMs: number
  readonly toMs: number
  /** When its user was logged out. */
  readonly lostAtMs: number | undefined
  readonly writes: readonly { readonly atMs: number; readonly lostAtMs: number | undefined }[]
}

/**
 * A session is exposed to a fault that finds it open. A write counts when it is in such a session, or came into one between the fault
 * and the next: each counts once a fault.
 */
export function lossesOf(events: readonly TraceEvent[], reigns: readonly Reign[]): Losses[] {
  const { sessions, doubledAtMs } = ledgerOf(events)
  return reigns.map((reign) => {
    const isWithin = (atMs: number | undefined): boolean =>
      atMs !== undefined && atMs >= reign.fromMs && atMs < reign.toMs
    const exposed = sessions.filter(({ fromMs, toMs }) => fromMs <= reign.fromMs && toMs > reign.fromMs)
    const writes = sessions
      .filter(({ fromMs, toMs }) => fromMs < reign.toMs && toMs > reign.fromMs)
      .flatMap((session) => session.writes.filter(({ atMs }) => atMs < reign.toMs))
    return {
      sessionsExposed: exposed.length,
      sessionsLost: exposed.filter(({ lostAtMs }) => isWithin(lostAtMs)).length,
      writesAcknowledged: writes.length,
      writesLost: writes.filter(({ lostAtMs }) => isWithin(lostAtMs)).length,
      writesDuplicated: doubledAtMs.filter(isWithin).length,
    }
  })
}

function ledgerOf(events: readonly TraceEvent[]): { sessions: readonly Told[]; doubledAtMs: readonly number[] } {
  const sessions: Told[] = []
  const doubledAtMs: number[] = []
  const ledger = new Ledger((visit) => sessions.push(...toldOf(visit)))
  for (const event of events) {
    if (event.type === 'operation-sent') ledger.sent(event)
    if (event.type !== 'operation-ended' || !ledger.awaits(event.op)) continue
    const seen = ledger.ended(event)
    if (seen === undefined) continue
    for (const _found of duplicate.observe?.(seen) ?? []) doubledAtMs.push(event.endedAtMs)
    ledger.settle(seen)
  }
  ledger.close()
  return { sessions, doubledAtMs }
}

function toldOf(visit: Visit): Told[] {
  const { login, leavingAtMs, refusal } = visit
  if (login === undefined) return []
  const lostAtMs = refusal?.endedAtMs
  const writes = putsOf(visit)
    .filter(({ outcome }) => outcome === 'ok')
    .map((put) => ({ atMs: put.endedAtMs, lostAtMs: missedAtMs(put) ?? lostAtMs }))
  return [{ fromMs: login.endedAtMs, toMs: Math.min(leavingAtMs, lostAtMs ?? leavingAtMs), lostAtMs, writes }]
}

function missedAtMs({ gap }: Put): number | undefined {
  return gap?.missedBy.endedAtMs
}
