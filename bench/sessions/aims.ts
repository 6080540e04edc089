/** What one of our stores should cost at most, by another one of ours. */
import { seriesOf } from '../harness/command/subject-figures.ts'
import type { Blocks, Measured } from '../harness/experiment.ts'
import { type Estimate, ratio, type Reached, reached } from '../harness/statistics.ts'
import type { RequestKind } from './load.ts'

export interface Aim {
  readonly subject: string
  readonly base: string
  readonly kind: RequestKind
  readonly figure: keyof Measured & ('cpuMicrosPerRequest' | 'p50Micros')
  readonly ratioMax: number
}

/** An aim, and what was measured of it in the blocks of both. */
export interface AimFound extends Aim {
  readonly ratio: Estimate
  readonly is: Reached
}

const cpu = 'cpuMicrosPerRequest'

const AIMS: readonly Aim[] = [
  { subject: 'ninelives-hybrid', base: 'ninelives-memory', kind: 'read', figure: cpu, ratioMax: 1.1 },
  { subject: 'ninelives-token', base: 'ninelives-memory', kind: 'read', figure: cpu, ratioMax: 1.15 },
  { subject: 'ninelives-token-unknown', base: 'ninelives-memory', kind: 'read', figure: cpu, ratioMax: 1.6 },
  { subject: 'ninelives-sqlite', base: 'ninelives', kind: 'read', figure: cpu, ratioMax: 1.3 },
  { subject: 'ninelives-sqlite', base: 'ninelives', kind: 'write', figure: cpu, ratioMax: 1.5 },
  { subject: 'ninelives-postgres', base: 'ninelives', kind: 'read', figure: 'p50Micros', ratioMax: 2 },
  { subject: 'ninelives-postgres', base: 'ninelives', kind: 'write', figure: 'p50Micros', ratioMax: 2 },
  { subject: 'ninelives-postgres-off', base: 'ninelives', kind: 'write', figure: 'p50Micros', ratioMax: 2 },
]

/** Those whose subjects were both measured. */
export function aimsFound(blocks: Blocks<RequestKind>): AimFound[] {
  return AIMS.filter(({ subject, base }) => blocks.has(subject) && blocks.has(base)).map((aim): AimFound => {
    const of = (name: string): number[] => seriesOf(blocks, name, aim.kind, aim.figure)
    const found = ratio(of(aim.subject), of(aim.base))
    return Object.assign({ ratio: found, is: reached(found, aim.ratioMax) }, aim)
  })
}
