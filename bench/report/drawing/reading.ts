/** Queries on a result: the measured strategies, the losses of each fault, and the exclusions. */
import type {
  BenchResult,
  Comparison,
  HealthyBlock,
  KillRecord,
  StrategyFigures,
  StrategyResult,
} from '../../result.ts'

/** A strategy or a peer with figures. */
export interface Measured extends StrategyResult {
  readonly figures: StrategyFigures
}

export interface LossAt {
  readonly entry: StrategyResult
  readonly scenario: string
  readonly fault: string
  /** How many faults landed and count; with 0 nothing is known. */
  readonly kills: number
  readonly of: number
  readonly lost: number
}

export type LossKind = 'sessions' | 'writes'

export interface Excluded {
  readonly entry: StrategyResult
  readonly what: string
  readonly why: string
}

const RULE_OF_THREE = 3

export function isMeasured(entry: StrategyResult): entry is Measured {
  return entry.figures !== undefined
}

export function scenariosOf({ strategies }: BenchResult): string[] {
  return [...new Set(strategies.map(({ scenario }) => scenario))]
}

/** Without the A/A row. */
export function contestants({ strategies }: BenchResult, scenario: string): StrategyResult[] {
  return strategies.filter((entry) => entry.scenario === scenario && entry.role !== 'again')
}

export function countedKills({ kills = [] }: StrategyResult): KillRecord[] {
  return kills.filter(({ excluded }) => excluded === undefined)
}

export function countedBlocks({ blocks = [] }: StrategyResult): HealthyBlock[] {
  return blocks.filter(({ excluded }) => excluded === undefined)
}

export function faultsOf(entries: readonly StrategyResult[]): string[] {
  return [...new Set(entries.flatMap(({ kills = [] }) => kills.map(({ fault }) => fault)))]
}

export function losses(result: BenchResult, kind: LossKind): LossAt[] {
  return scenariosOf(result).flatMap((scenario) => {
    const entries = contestants(result, scenario)
    return faultsOf(entries).flatMap((fault) => entries.map((entry) => lossAt(entry, scenario, fault, kind)))
  })
}

function lossAt(entry: StrategyResult, scenario: string, fault: string, kind: LossKind): LossAt {
  const kills = countedKills(entry).filter((kill) => kill.fault === fault)
  const sum = (of: (kill: KillRecord) => number): number => kills.reduce((total, kill) => total + of(kill), 0)
  const [of, lost] =
    kind === 'sessions'
      ? [sum((kill) => kill.sessionsExposed), sum((kill) => kill.sessionsLost)]
      : [sum((kill) => kill.writesAcknowledged), sum((kill) => kill.writesLost)]
  return { entry, scenario, fault, kills: kills.length, of, lost }
}

/** The upper bound of a rate that was 0 in that many faults. Three or fewer rule out nothing. */
export function boundOfNone(kills: number): number | undefined {
  return kills > RULE_OF_THREE ? RULE_OF_THREE / kills : undefined
}

export function missing({ strategies }: BenchResult): StrategyResult[] {
  return strategies.filter((entry) => entry.missing !== undefined)
}

export function excluded({ strategies }: BenchResult): Excluded[] {
  return strategies.flatMap((entry) => [
    ...(entry.kills ?? []).flatMap(({ block, fault, excluded: why }) =>
      why === undefined ? [] : [{ entry, what: `${fault}, block ${block}`, why }],
    ),
    ...(entry.blocks ?? []).flatMap(({ block, excluded: why }) =>
      why === undefined ? [] : [{ entry, what: `healthy run, block ${block}`, why }],
    ),
  ])
}

export function comparisonsOf(result: BenchResult, scenario: string): Comparison[] {
  return result.comparisons.filter((comparison) => comparison.scenario === scenario)
}

/** Whether the base seems to differ from itself: then the machine was too restless for this run's comparisons. */
export function differsFromItself({ comparisons }: BenchResult): boolean {
  return comparisons.some(({ isAgain, finding }) => isAgain && (finding === 'less' || finding === 'more'))
}
