/** Whether a run could have shown anything: did the faults land, was anybody there, did they look, and was the load on time. */
import { putsOf } from './ledger/settled.ts'
import type { Visit } from './ledger/visit.ts'
import { count } from './trace/counts.ts'
import type { FaultInjected, TraceEvent } from './trace/events.ts'

interface Fault {
  readonly is: string
  confirmedAtMs?: number
  /** Why it never landed. */
  missed?: string
  /** Sessions that were open when it landed, and those of them that were used afterwards. */
  exposed: number
  returned: number
}

/** Later than this at its 99th percentile, the load tells more about its generator than about the shop. */
export const LATE_MAX_MS = 10
const RETURNED_SHARE_MIN = 0.5
const LOOKED_SHARE_MIN = 0.5
const LATE_BUCKETS = 1_000
const LATE_BUCKET_MS = 0.1

export class Coverage {
  readonly #faults = new Map<string, Fault>()
  /** How late each operation was sent, in tenths of a millisecond; what is later than all of them is in the last. */
  readonly #late = new Uint32Array(LATE_BUCKETS)
  #operations = 0
  #acknowledged = 0
  #looked = 0

  take(event: TraceEvent): void {
    if (event.type === 'operation-sent') this.#count(event.lateMs)
    if (event.type === 'fault-injected') {
      this.#faults.set(event.fault, { is: nameOf(event), exposed: 0, returned: 0 })
    }
    if (event.type === 'fault-confirmed') this.#change(event.fault, { confirmedAtMs: event.atMs })
    if (event.type === 'fault-failed') this.#miss(event.fault, `did not land: ${event.reason}`)
    if (event.type === 'fault-healed') this.#miss(event.fault, 'was taken back before it landed')
  }

  over(visit: Visit): void {
    for (const { outcome, looked } of putsOf(visit)) {
      if (outcome !== 'ok') continue
      this.#acknowledged++
      if (looked) this.#looked++
    }
    const { login, refusal, leavingAtMs, lookedAtMs } = visit
    if (login === undefined) return
    const openUntilMs = Math.min(leavingAtMs, refusal?.endedAtMs ?? Number.POSITIVE_INFINITY)
    for (const fault of this.#faults.values()) {
      const { confirmedAtMs } = fault
      if (confirmedAtMs === undefined || confirmedAtMs < login.endedAtMs || confirmedAtMs > openUntilMs) continue
      fault.exposed++
      if (lookedAtMs > confirmedAtMs) fault.returned++
    }
  }

  get faults(): { readonly landed: number; readonly missed: number } {
    const faults = [...this.#faults.values()]
    return {
      landed: faults.filter(({ confirmedAtMs }) => confirmedAtMs !== undefined).length,
      missed: faults.filter(({ confirmedAtMs }) => confirmedAtMs === undefined).length,
    }
  }

  /** Why nothing found means nothing known; none, where the run could have shown what was wrong. */
  doubts(): string[] {
    const lateMs = this.#lateMs()
    const doubts = [...this.#faults.values()].flatMap((fault) => doubtOf(fault) ?? [])
    if (this.#operations === 0) doubts.push('there was not one operation')
    if (this.#looked < this.#acknowledged * LOOKED_SHARE_MIN) {
      doubts.push(
        `of ${count(this.#acknowledged, 'acknowledged write')}, only ${this.#looked} were looked for afterwards`,
      )
    }
    if (lateMs > LATE_MAX_MS) {
      doubts.push(`the generator lagged: ${lateMs.toFixed(1)} ms late at p99, where ${LATE_MAX_MS} ms is the most`)
    }
    return doubts
  }

  #count(lateMs: number): void {
    const bucket = Math.min(LATE_BUCKETS - 1, Math.floor(lateMs / LATE_BUCKET_MS))
    this.#late[bucket] = (this.#late[bucket] ?? 0) + 1
    this.#operations++
  }

  #lateMs(): number {
    let left = Math.floor(this.#operations * 0.01)
    for (let bucket = LATE_BUCKETS - 1; bucket >= 0; bucket--) {
      left -= this.#late[bucket] ?? 0
      if (left < 0) return bucket * LATE_BUCKET_MS
    }
    return 0
  }

  #miss(id: string, missed: string): void {
    if (this.#faults.get(id)?.confirmedAtMs === undefined) this.#change(id, { missed })
  }

  #change(id: string, change: Partial<Fault>): void {
    const fault = this.#faults.get(id)
    if (fault !== undefined) Object.assign(fault, change)
  }
}

function doubtOf({ is, confirmedAtMs, missed, exposed, returned }: Fault): string | undefined {
  if (confirmedAtMs === undefined) return `${is} ${missed ?? 'was never seen to land'}`
  if (exposed === 0) return `nobody was exposed to ${is}`
  if (returned >= exposed * RETURNED_SHARE_MIN) return undefined
  return `of ${count(exposed, 'session')} exposed to ${is}, only ${returned} came back to look`
}

function nameOf({ fault, kind, target, point }: FaultInjected): string {
  return `fault ${fault} (${kind}${point === undefined ? '' : ` ${point}`} of ${target})`
}
