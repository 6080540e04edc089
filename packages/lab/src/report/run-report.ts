/** One run as its reports need it. */
import { type Anomaly, figure, type TraceEvent, type Verdict } from '@ninelives/history'
import type { Frame } from '../terminal/verdict.ts'

export interface RunReport {
  readonly verdict: Verdict
  readonly frame: Frame
  /** Of each anomaly, the shortest history that proves it. */
  readonly evidence: ReadonlyMap<Anomaly['kind'], readonly TraceEvent[]>
}

/** What was lost, in one sentence. */
export function lossSentence({ sessions, writes, faults, anomalies, verdict }: Verdict): string {
  const of = `${figure(sessions.begun)} sessions and ${figure(writes.acknowledged)} acknowledged writes`
  const met = faults.landed === 1 ? 'One fault landed' : `${figure(faults.landed)} faults landed`
  if (verdict === 'invalid') {
    const lost = `${figure(sessions.lost)} sessions and ${figure(writes.lost)} writes were lost of ${of}`
    return `${met}, and ${lost}; ${anomalies.length === 1 ? 'one kind of anomaly is' : `${anomalies.length} kinds of anomalies are`} proven.`
  }
  const bound =
    faults.landed === 0 ? '' : ` So many faults bound the rate of a loss by ${bounded(faults.landed)} of faults.`
  return verdict === 'unknown'
    ? `${met}, and no anomaly was found among ${of}; but the run proves nothing.`
    : `${met}, and nothing was lost of ${of}.${bound}`
}

/** No loss in N faults leaves a rate of up to 3/N, with 95 % confidence. */
export function bounded(faults: number): string {
  return `${Math.min(100, 300 / Math.max(1, faults)).toFixed(faults < 30 ? 0 : 1)} %`
}
