/** The result of the bench of strategies in a terminal. */
import type { BenchResult, Comparison, StrategyFigures, StrategyResult } from '../result.ts'
import type { Estimate } from '../harness/statistics.ts'
import { aligned, COLUMNS_MAX, interval } from '../harness/command/table.ts'
import { wrapped } from '@ninelives/lab'

const HEAD = [
  '',
  'kills',
  'verdict',
  'sessions lost',
  'writes lost',
  'doubled',
  'outage ms',
  'longest wait ms',
  'back after ms',
  'user-s lost',
  'p50 ms',
  'p99 ms',
  'req/s',
  'CPU µs',
]
const NONE = '-'

export function strategiesTable({ strategies, comparisons, options, doubts, seed }: BenchResult): string {
  const parts = options.scenarios.map((scenario) => {
    const rows = strategies.filter((each) => each.scenario === scenario)
    const missing = rows.flatMap(({ name, missing }) => (missing === undefined ? [] : [`${name}: ${missing}\n`]))
    const table = aligned(
      [HEAD, ...rows.filter(({ missing }) => missing === undefined).map(row)],
      HEAD.length,
      COLUMNS_MAX,
    )
    return `${scenario}\n\n${table}${missing.join('')}\n${comparisonLines(comparisons, scenario)}`
  })
  const doubtLines = doubts.map((doubt) => `${wrapped(`- ${doubt}`, COLUMNS_MAX).join('\n  ')}\n`).join('')
  const quotable = doubts.length === 0 ? '' : `\nNot to be quoted:\n${doubtLines}`
  const note = strategies.some(({ figures }) => figures?.disturbed === true)
    ? '\n~: the machine was busy in every turn; losses hold, times do not.'
    : ''
  return `${parts.join('\n')}${quotable}\n${legend(seed)}${note}`
}

/** What the heads mean, where they stand. */
function legend(seed: number): string {
  return `seed ${seed}. Medians over kills; p50 to CPU: before the faults.
Outage: the longest time without a good answer. (<14 %): none was lost, and so many kills rule
out, at 95 %, that more than this share of kills loses one.`
}

function row({ name, figures }: StrategyResult): string[] {
  if (figures === undefined) return [name, NONE, 'no fault landed', ...HEAD.slice(3).map(() => NONE)]
  const { kills, outageMs, userOutageMs, sessions, writes, lostUserSeconds, healthy, verdict } = figures
  return [
    name,
    String(kills),
    verdict,
    lossText(sessions),
    `${writes.lost} of ${writes.acknowledged}`,
    String(writes.duplicated),
    `${figures.disturbed === true ? '~' : ''}${withInterval(outageMs.p50, 0)}`,
    outageText(userOutageMs.p50),
    recoveryText(figures),
    lostUserSeconds.median.toFixed(2),
    ...(healthy === undefined
      ? [NONE, NONE, NONE, NONE]
      : [
          healthy.latencyMs.p50.median.toFixed(2),
          healthy.latencyMs.p99.median.toFixed(2),
          healthy.requestsPerSecond.median.toFixed(0),
          (healthy.cpuMicrosPerRequest.balancer.median + healthy.cpuMicrosPerRequest.node.median).toFixed(0),
        ]),
  ]
}

function withInterval(estimate: Estimate, digits: number): string {
  return estimate.blocks === 1 ? estimate.median.toFixed(digits) : interval(estimate, digits)
}

function outageText({ median }: Estimate): string {
  return median.toFixed(0)
}

function recoveryText({ recoveryMs, notRecovered }: StrategyFigures): string {
  const back = recoveryMs === undefined ? NONE : recoveryMs.p50.median.toFixed(0)
  return notRecovered === 0 ? back : `${back} (${notRecovered} not)`
}

/** A loss that was not seen is bounded by the number of faults. */
function lossText({ lost, exposed, lostShare }: StrategyFigures['sessions']): string {
  const share = `${lost} of ${exposed}`
  return lost === 0 ? `${share} (<${percent(lostShare.high)})` : `${share} (${percent(lostShare.share)})`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}

function comparisonLines(comparisons: readonly Comparison[], scenario: string): string {
  const own = comparisons.filter((each) => each.scenario === scenario)
  if (own.length === 0) return ''
  const figures = [...new Set(own.map(({ figure }) => figure))]
  const rows = [...Map.groupBy(own, ({ strategy }) => strategy)].map(([strategy, those]) =>
    [strategy].concat(figures.map((figure) => comparisonText(those.find((each) => each.figure === figure)))),
  )
  return `Times ${own[0]?.base ?? ''}, by ratios within blocks:\n${aligned([['', ...figures], ...rows], 1, COLUMNS_MAX)}`
}

function comparisonText(comparison: Comparison | undefined): string {
  if (comparison === undefined) return NONE
  const { ratio, finding } = comparison
  return finding === 'too few blocks'
    ? `${ratio.median.toFixed(2)}, too few blocks`
    : `${interval(ratio, 2)} ${finding}`
}
