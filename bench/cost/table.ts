/** The tables of costs, for a terminal, docs/explanation/costs.md and the report. */
import { aligned } from '../harness/command/table.ts'
import { withBlock } from '../harness/marked-block.ts'
import { whyBusy } from '../harness/processes/machine-load.ts'
import { type Estimate, INTERVAL_BLOCKS_MIN, median, reached } from '../harness/statistics.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import { ENGLISH, n, type CostWords } from './words.ts'
import { COMPARED_RATE, type CostContestant, type CostResult, costAt, figuresOf, PARTS, TOLD_RATES } from './result.ts'

const NOTHING = '–'
/** Of HAProxy before three plain nodes, at COMPARED_RATE. */
const GOALS: Readonly<Record<string, number>> = { replicated: 1, redis: 1.1 }
/** For the table of a day. */
const DAY_RATES = [30, 300, 3_000]
const DAY_NODES = [3, 12]
/** Their nodes share a store, so a further node adds what it costs idle and nothing else. */
const STORED: ReadonlySet<string> = new Set(['redis', 'database', 'hybrid', 'memcached', 'haproxy-plain'])
const HOURS = 24

export function costHeads(words: CostWords = ENGLISH): string[] {
  return words.heads(TOLD_RATES, COMPARED_RATE)
}

/** Without its heads. */
export function costRows(result: CostResult): string[][] {
  return result.contestants.filter(isMeasured).map((contestant) => {
    const { idle, adds, at, ratio } = figuresOf(result, contestant)
    const idles = [figure(idle.balancer, 1), figure(divided(idle.node, result.plan.nodes), 1), figure(idle.store, 1)]
    const slopes = PARTS.map((part) => figure(adds[part], 0))
    const costs = at.map((estimate) => figure(estimate, 0))
    return [contestant.title].concat(idles, slopes, costs, ratio === undefined ? NOTHING : figure(ratio, 2))
  })
}

/** Core-hours a day, by rate and number of nodes. */
export function dayRows(result: CostResult, words: CostWords = ENGLISH): string[][] {
  const { nodes: measuredNodes } = result.plan
  const rows = result.contestants.filter(isMeasured).flatMap((contestant) => {
    const counts = STORED.has(contestant.name) ? new Set([measuredNodes, ...DAY_NODES]) : [measuredNodes]
    return [...counts].map((nodes) => {
      const hours = DAY_RATES.map((rate) => coreHours(msPerSecond(contestant, rate, nodes / measuredNodes)))
      return [contestant.title, String(nodes)].concat(hours)
    })
  })
  return [words.dayHeads(DAY_RATES), ...rows]
}

/** Where the nodes grow, so do their idle cost and that of the balancer, which probes each. */
function msPerSecond({ turns }: CostContestant, rate: number, grown: number): number {
  return median(turns.map((turn) => costAt(turn, rate) + (turn.idle.balancer + turn.idle.node) * (grown - 1)))
}

function coreHours(ms: number): string {
  const hours = (ms / 1_000) * HOURS
  return `${hours < 10 ? hours.toFixed(1) : n(Math.round(hours))} h`
}

export function costMarkdown(result: CostResult, words: CostWords = ENGLISH): string {
  return [
    markdownTable([costHeads(words), ...costRows(result)]),
    caption(result, words),
    words.day,
    markdownTable(dayRows(result, words)),
  ].join('\n\n')
}

/** The text with the tables between its markers, and nothing else changed. */
export function withCost(page: string, result: CostResult, words: CostWords = ENGLISH): string {
  return withBlock(page, 'cost', costMarkdown(result, words))
}

export function costTable(result: CostResult): string {
  const heads = costHeads()
  const goals = Object.entries(GOALS).flatMap(([name, max]) => {
    const contestant = result.contestants.filter(isMeasured).find((each) => each.name === name)
    const ratio = contestant && figuresOf(result, contestant).ratio
    if (ratio === undefined) return []
    return [`${name} at most ${max.toFixed(1)} of HAProxy with ten lines at ${COMPARED_RATE}/s: ${reached(ratio, max)}`]
  })
  return [
    aligned([heads, ...costRows(result)], heads.length),
    aligned(dayRows(result), heads.length),
    ...goals,
    ...Object.entries(result.missing).map(([name, why]) => `${name} is left out: ${why}`),
    caption(result),
  ].join('\n')
}

/** How it was measured, and why it is not to be quoted. */
export function caption(result: CostResult, words: CostWords = ENGLISH): string {
  const { plan, environment, startedAt, seed, contestants } = result
  const measured = contestants.filter(isMeasured)
  const blocks = Math.min(...measured.map(({ turns }) => turns.length))
  const why = [
    ...(blocks < INTERVAL_BLOCKS_MIN ? [`fewer than ${INTERVAL_BLOCKS_MIN} blocks`] : []),
    ...(environment.busy ? ['the machine was busy when this began'] : []),
    ...othersIn(measured),
  ]
  const text = words.caption({
    plan,
    blocks,
    machine: `${environment.cores} × ${environment.processor}, Node ${environment.node.replace('v', '')}, ${startedAt.slice(0, 10)}, seed ${seed}, commit ${environment.commit.slice(0, 10)}`,
  })
  return text + (why.length === 0 ? '' : ` **Not to be quoted: ${why.join('; ')}.**`)
}

function othersIn(measured: readonly CostContestant[]): string[] {
  const shares = measured.flatMap(({ turns }) => turns.map(({ othersShare = 0 }) => othersShare))
  const why = whyBusy(Math.max(0, ...shares))
  return why === undefined ? [] : [`at times ${why}`]
}

function isMeasured({ turns }: CostContestant): boolean {
  return turns.length > 0
}

function divided({ median, low, high, blocks }: Estimate, by: number): Estimate {
  return { median: median / by, low: low / by, high: high / by, blocks }
}

function figure({ median, low, high, blocks }: Estimate, digits: number): string {
  if (high === 0) return NOTHING
  const text = (value: number): string => n(value, digits)
  return blocks < INTERVAL_BLOCKS_MIN ? text(median) : `${text(median)} (${text(low)}–${text(high)})`
}
