/** The figures of one strategy in one scenario, from its turns. The unit is the fault for effects of faults, and the block for the rest. */
import type { TurnFound } from './faults/turn.ts'
import { LatencyHistogram, P999_SAMPLES_MIN, phaseLatency } from '../latency-histogram.ts'
import {
  type CpuFigures,
  type HealthyBlock,
  type HealthyFigures,
  type KillRecord,
  type PhaseLatencies,
  PHASES,
  type Share,
  type Spread,
  type StrategyFigures,
} from '../result.ts'
import { seededRandom } from '@ninelives/lab'
import { type Estimate, estimate, median, type Random } from '../harness/statistics.ts'

const STALE = ['stale-read', 'hole', 'back-in-time']
const RESAMPLES = 2_000
const NO_WHOLE_TURN = 'every turn has an excluded fault'

/**
 * Losses are counts, and come from all `landed` kills, whatever the load. Times come from `undisturbed` kills and blocks; without one they
 * come from the others, and are marked. Figures of whole turns come from turns without a disturbed kill; anomalies come from all turns.
 */
export function figuresOf(
  all: readonly TurnFound[],
  landed: readonly KillRecord[],
  undisturbed: { readonly kills: readonly KillRecord[]; readonly blocks: readonly HealthyBlock[] },
  seed: number,
): StrategyFigures | undefined {
  if (landed.length === 0) return undefined
  const { blocks } = undisturbed
  const isDisturbed = undisturbed.kills.length === 0
  const kills = isDisturbed ? landed : undisturbed.kills
  const random = seededRandom(seed)
  const turns = all.filter((turn) => turn.kills.every(({ excluded }) => excluded === undefined))
  const optional = {
    detectionMs: spread(valuesOf(kills, 'detectionMs')),
    recoveryMs: spread(valuesOf(kills, 'recoveryMs')),
    healthy: healthyFigures(blocks),
    memoryBytesPerSession: estimateOf(costs(turns, 'memoryBytesPerSession')),
    storeBytesPerSession: estimateOf(costs(turns, 'storeBytesPerSession')),
  }
  return {
    kills: landed.length,
    ...(isDisturbed ? { disturbed: true } : {}),
    ...verdictOf(turns, all),
    sessions: {
      exposed: sum(landed, 'sessionsExposed'),
      lost: sum(landed, 'sessionsLost'),
      lostShare: lostShare(landed, random),
    },
    writes: {
      acknowledged: sum(landed, 'writesAcknowledged'),
      lost: sum(landed, 'writesLost'),
      duplicated: sum(landed, 'writesDuplicated'),
    },
    reads: readsOf(turns),
    requests: requestsOf(turns),
    latencyMs: phasesOf(kills),
    outageMs: spreadOf(valuesOf(kills, 'outageMs')),
    userOutageMs: spreadOf(valuesOf(kills, 'userOutageMs')),
    firstSuccessMs: spreadOf(firstSuccesses(kills)),
    notRecovered: kills.filter(({ recoveryMs }) => recoveryMs === undefined).length,
    lostUserSeconds: estimate(valuesOf(kills, 'lostUserSeconds')),
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<StrategyFigures>),
  }
}

type NumberOf = {
  [Key in keyof KillRecord]-?: Exclude<KillRecord[Key], undefined> extends number ? Key : never
}[keyof KillRecord]

function valuesOf(kills: readonly KillRecord[], figure: NumberOf): number[] {
  return kills.flatMap((kill) => kill[figure] ?? [])
}

function sum(kills: readonly KillRecord[], figure: NumberOf): number {
  return valuesOf(kills, figure).reduce((total, each) => total + each, 0)
}

/** Without a success during the watch, the outage is the lower bound. */
function firstSuccesses(kills: readonly KillRecord[]): number[] {
  return kills.map(({ firstSuccessMs, outageMs }) => firstSuccessMs ?? outageMs)
}

function spreadOf(values: readonly number[]): Spread {
  return { p50: estimate(values), max: Math.max(...values) }
}

function spread(values: readonly number[]): Spread | undefined {
  return values.length === 0 ? undefined : spreadOf(values)
}

function estimateOf(values: readonly number[]): Estimate | undefined {
  return values.length === 0 ? undefined : estimate(values)
}

function costs(turns: readonly TurnFound[], figure: 'memoryBytesPerSession' | 'storeBytesPerSession'): number[] {
  return turns.flatMap((turn) => turn[figure] ?? [])
}

function shareOf(kills: readonly KillRecord[]): number {
  const exposed = sum(kills, 'sessionsExposed')
  return exposed === 0 ? 0 : sum(kills, 'sessionsLost') / exposed
}

/**
 * Lost over exposed, of all faults together; the bound comes from resampling the faults, or from their number when nothing was lost.
 * Without exposed sessions the bound is 1.
 */
function lostShare(kills: readonly KillRecord[], random: Random): Share {
  const share = shareOf(kills)
  if (sum(kills, 'sessionsExposed') === 0) return { share, high: 1 }
  if (share === 0) return { share, high: Math.min(1, 3 / kills.length) }
  const resampled = (): KillRecord[] => kills.map(() => kills[Math.floor(random() * kills.length)] as KillRecord)
  const shares = Array.from({ length: RESAMPLES }, () => shareOf(resampled())).sort((one, other) => one - other)
  return { share, high: shares[Math.round(0.975 * (RESAMPLES - 1))] as number }
}

function verdictOf(
  turns: readonly TurnFound[],
  all: readonly TurnFound[],
): Pick<StrategyFigures, 'verdict' | 'verdictDoubts' | 'anomalies'> {
  const isKnown = turns.length > 0 && turns.every(({ verdict }) => verdict !== 'unknown')
  const doubts = turns.length === 0 ? [NO_WHOLE_TURN] : turns.flatMap((turn) => turn.doubts)
  return {
    verdict: all.some(({ verdict }) => verdict === 'invalid') ? 'invalid' : isKnown ? 'valid' : 'unknown',
    verdictDoubts: [...new Set(doubts)],
    anomalies: added(all.map(({ anomalies }) => anomalies)),
  }
}

function readsOf(turns: readonly TurnFound[]): StrategyFigures['reads'] {
  const stale = turns.flatMap(({ anomalies }) => STALE.map((kind) => anomalies[kind] ?? 0))
  return {
    total: turns.reduce((total, { reads }) => total + reads, 0),
    stale: stale.reduce((total, each) => total + each, 0),
  }
}

function requestsOf(turns: readonly TurnFound[]): StrategyFigures['requests'] {
  const all = turns.map(({ requests }) => requests)
  const total = (of: (requests: TurnFound['requests']) => number): number =>
    all.reduce((before, each) => before + of(each), 0)
  const sent = total((requests) => requests.sent)
  const told = all.every(({ retries }) => retries !== undefined) && sent > 0
  return {
    sent,
    ok: total(({ ok }) => ok),
    failed: added(all.map(({ failed }) => failed)),
    ...(told ? { retriesPerOperation: total(({ retries = 0 }) => retries) / sent } : {}),
  }
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const result: Record<string, number> = {}
  for (const [key, count] of counts.flatMap((each) => Object.entries(each))) result[key] = (result[key] ?? 0) + count
  return result
}

function phasesOf(kills: readonly KillRecord[]): PhaseLatencies {
  const merged = PHASES.map(
    (phase) => [phase, LatencyHistogram.from(...kills.map(({ histograms }) => histograms[phase]))] as const,
  )
  return Object.fromEntries(
    merged.flatMap(([phase, histogram]) => (histogram.count === 0 ? [] : [[phase, phaseLatency(histogram)]])),
  )
}

function healthyFigures(blocks: readonly HealthyBlock[]): HealthyFigures | undefined {
  if (blocks.length === 0) return undefined
  const of = (figure: (block: HealthyBlock) => number): Estimate => estimate(blocks.map(figure))
  const all = LatencyHistogram.from(...blocks.map(({ histogram }) => histogram))
  const rare = all.count >= P999_SAMPLES_MIN ? { p999: all.percentileMs(99.9) } : {}
  const hasStore = blocks.every(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest.store !== undefined)
  const cpu = (part: keyof CpuFigures<number>): Estimate =>
    of(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest[part] ?? 0)
  return {
    requestsPerSecond: of(({ requestsPerSecond }) => requestsPerSecond),
    latencyMs: { p50: of(({ p50Ms }) => p50Ms), p99: of(({ p99Ms }) => p99Ms), ...rare, n: all.count },
    cpuMicrosPerRequest: {
      balancer: cpu('balancer'),
      node: cpu('node'),
      ...(hasStore ? { store: cpu('store') } : {}),
    },
    wrongShare: median(blocks.map(({ wrongShare = 0 }) => wrongShare)),
  }
}
