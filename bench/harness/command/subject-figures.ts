/** The cost of one kind of request at one subject, from the blocks, and its comparison with ours. */
import { interval } from './table.ts'
import type { Blocks, Measured } from '../experiment.ts'
import { type Estimate, estimate, type Finding, finding, ratio } from '../statistics.ts'

/** The subject that every ratio compares with another. */
export const OURS = 'ninelives'
/** The same once more: the difference is the error of the measurement. */
export const OURS_AGAIN = 'ninelives-again'

export interface Figures {
  readonly cpuMicrosPerRequest: Estimate
  readonly p50Micros: Estimate
  readonly p99Micros: Estimate
  /** The CPU time of ninelives, over this subject's. */
  readonly cpuRatio: Estimate & { readonly finding: Finding }
}

export function seriesOf<Kind extends string>(
  blocks: Blocks<Kind>,
  name: string,
  kind: Kind,
  figure: keyof Measured,
): number[] {
  return (blocks.get(name)?.[kind] ?? []).map((block) => block[figure])
}

export function figuresOf<Kind extends string>(blocks: Blocks<Kind>, name: string, kind: Kind): Figures {
  const of = (figure: keyof Measured): Estimate => estimate(seriesOf(blocks, name, kind, figure))
  const cpuRatio = cpuRatioOf(blocks, [OURS, name], kind)
  return {
    cpuMicrosPerRequest: of('cpuMicrosPerRequest'),
    p50Micros: of('p50Micros'),
    p99Micros: of('p99Micros'),
    cpuRatio: { ...cpuRatio, finding: finding(cpuRatio) },
  }
}

export function cpuRatioOf<Kind extends string>(
  blocks: Blocks<Kind>,
  [first, second]: readonly [string, string],
  kind: Kind,
): Estimate {
  const cpu = (name: string): number[] => seriesOf(blocks, name, kind, 'cpuMicrosPerRequest')
  return ratio(cpu(first), cpu(second))
}

/** Whether ninelives seems to differ from itself: then the machine was too restless for what this run says. */
export function differsFromItself(figures: readonly (Figures | undefined)[]): boolean {
  return figures.some((each) => each !== undefined && isDifferent(each.cpuRatio.finding))
}

export function figureCells({ cpuMicrosPerRequest: cpu, p50Micros, p99Micros }: Figures): string[] {
  const range = `${cpu.low.toFixed(0)}–${cpu.high.toFixed(0)}`
  return [cpu.median.toFixed(0), range, p50Micros.median.toFixed(0), p99Micros.median.toFixed(0)]
}

/** The ratio, and the words beside the number. */
export function ratioCells({ cpuRatio }: Figures): [string, string] {
  return [interval(cpuRatio, 2), isDifferent(cpuRatio.finding) ? '' : cpuRatio.finding]
}

function isDifferent(found: Finding): boolean {
  return found === 'less' || found === 'more'
}
