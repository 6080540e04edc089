export { ANOMALIES, type AnomalyKind, type Checker, type Finding } from './checkers/checker.ts'
export { duplicate } from './checkers/duplicate.ts'
export { Ledger } from './ledger/ledger.ts'
export { putsOf } from './ledger/settled.ts'
export type { Put, Visit } from './ledger/visit.ts'
export { count, type Counts, figure, sum } from './trace/counts.ts'
export type { Exposure } from './coverage.ts'
export { INTERLEAVINGS, type Interleaving, type InterleavingName, isInterleaving } from './interleavings.ts'
export { decodeLines, decodeTrace, type DecodedTrace, NOT_JSON, type TraceProblem } from './trace/decode.ts'
export * from './trace/events.ts'
export * from './trace/fault-facts.ts'
export { evidenceOf } from './evidence.ts'
export {
  type Anomaly,
  type Crash,
  Judge,
  judge,
  judgeTrace,
  type FloorFigures,
  type ReadTrace,
  type Verdict,
} from './judge.ts'
export { narrate, nodeLabel } from './narration/narrate.ts'
export type { Sentence } from './narration/sentence.ts'
export { LATE_MAX_MS, type LatencyFigures } from './latency.ts'
export type { ServiceFigures } from './service.ts'
export { reduce, lateFor, sumRecent } from './reduce.ts'
export * from './state.ts'
export { isKnownOf } from './visitors.ts'
export { Storyteller } from './narration/storyteller.ts'
export * from './crowd/beat.ts'
export { Crowd, withIncidents } from './crowd/crowd.ts'
export { FATES, type Fate, type Incident, type IncidentCause, SLOW_MS } from './crowd/incident.ts'
