/**
 * The table of docs/explanation/costs.md, from a result alone: `node bench/report/headline.ts RESULT.json` puts it between the markers.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@ninelives/lab'
import { benchMain, say } from '../harness/command/command.ts'
import { withBlock } from '../harness/marked-block.ts'
import type { BenchResult } from '../result.ts'
import type { Estimate } from '../harness/statistics.ts'
import { count, NOT_MEASURED_TEXT, outOf, percent, plural, withInterval } from './drawing/figures.ts'
import {
  boundOfNone,
  contestants,
  differsFromItself,
  isMeasured,
  type Measured,
  scenariosOf,
} from './drawing/reading.ts'
import { markdownTable } from './drawing/markdown-table.ts'
import { readResult } from './read-result.ts'

/** A refusal is cheaper than what was asked for: above this, the CPU of a request is not told. */
const WRONG_SHARE_MAX = 0.01

/** What the table says in the language of its page. */
interface Words {
  readonly heads: readonly string[]
  none(boundPercent: string): string
  noneOf(faults: number): string
  some(lost: number, of: number): string
  caption(figures: { faults: number; scenario: string; machine: string; boundPercent: string }): string
}

const ENGLISH: Words = {
  heads: [
    '',
    'sessions lost',
    'acknowledged writes lost',
    'longest wait, ms',
    'CPU of nodes, µs',
    'CPU of balancer, µs',
    'CPU of store, µs',
  ],
  none: (boundPercent) => `none (≤ ${boundPercent} of faults)`,
  noneOf: (faults) => `none in ${plural(faults, 'fault')}`,
  some: outOf,
  caption: ({ faults, scenario, machine, boundPercent }) =>
    `${plural(faults, 'fault')} a strategy in “${scenario}”, ${machine}. ` +
    'In brackets 95 % intervals; longest wait: of the user who waited longest, median over faults; CPU: of one request, unless more than 1 % of the answers were refusals. ' +
    `“None (≤ ${boundPercent} of faults)”: none was lost, and so many faults rule out, at 95 %, that more than this share of them ` +
    'loses one. “Ten lines” is the usual first store for it: get, set and destroy.',
}

const KOREAN: Words = {
  heads: [
    '',
    '잃은 세션',
    '승인해 놓고 잃은 쓰기',
    '가장 긴 기다림, ms',
    '노드 CPU, µs',
    '로드 밸런서 CPU, µs',
    '저장소 CPU, µs',
  ],
  none: (boundPercent) => `없음 (장애의 ≤ ${boundPercent})`,
  noneOf: (faults) => `장애 ${faults}번에 없음`,
  some: (lost, of) => `${count(of)}개 중 ${count(lost)}개`,
  caption: ({ faults, scenario, machine, boundPercent }) =>
    `“${scenario}”에서 전략마다 장애 ${faults}번, ${machine}. ` +
    '괄호 안은 95 % 구간이고, 가장 긴 기다림은 가장 오래 기다린 사용자의 값을 장애마다 뽑아 낸 중앙값, CPU는 요청 하나의 값으로, 응답의 1 % 넘게 거절이면 적지 않습니다. ' +
    `“없음 (장애의 ≤ ${boundPercent})”은 하나도 잃지 않았고, 이 횟수로는 무언가를 잃게 하는 장애가 이 비율을 넘지 않는다는 것까지 95 %로 말할 수 있다는 뜻입니다. ` +
    '“열 줄”(ten lines)은 누구나 처음 짜는 저장소로, get, set, destroy뿐입니다.',
}

const PAGES = [
  ['docs/explanation/costs.md', ENGLISH],
  ['docs/ko/explanation/costs.md', KOREAN],
] as const

/** Of the first scenario, formatted as by the formatter. */
export function headline(result: BenchResult, words: Words = ENGLISH): string {
  const [scenario] = scenariosOf(result)
  const measured = scenario === undefined ? [] : contestants(result, scenario).filter(isMeasured)
  if (scenario === undefined || measured.length === 0) throw new UsageError('nothing was measured in this result')
  const rows = measured.map((each) => cells(each, words))
  return `${markdownTable([words.heads, ...rows])}\n\n${caption(result, scenario, words)}`
}

/** The text with the table between its markers, and nothing else changed. */
export function withHeadline(page: string, result: BenchResult, words: Words = ENGLISH): string {
  return withBlock(page, 'headline', headline(result, words))
}

function cells({ title, figures }: Measured, words: Words): string[] {
  const { kills, sessions, writes, userOutageMs, healthy } = figures
  const lost = (some: number, of: number): string => {
    if (of === 0) return NOT_MEASURED_TEXT
    if (some > 0) return `${percent(some / of)} (${words.some(some, of)})`
    const bound = boundOfNone(kills)
    return bound === undefined ? words.noneOf(kills) : words.none(percent(bound))
  }
  const isRight = (healthy?.wrongShare ?? 0) <= WRONG_SHARE_MAX
  const { node, balancer, store } = (isRight && healthy?.cpuMicrosPerRequest) || {}
  return [
    title,
    lost(sessions.lost, sessions.exposed),
    lost(writes.lost, writes.acknowledged),
    kills === 0 ? NOT_MEASURED_TEXT : withInterval(userOutageMs.p50),
    ...[node, balancer, store].map(estimated),
  ]
}

function estimated(of: Estimate | undefined): string {
  return of === undefined ? NOT_MEASURED_TEXT : withInterval(of)
}

function caption(result: BenchResult, scenario: string, words: Words): string {
  const { options, environment, startedAt, seed, doubts } = result
  const doubted = doubts.length > 0 || differsFromItself(result)
  const text = words.caption({
    faults: options.kills,
    scenario,
    machine:
      `${environment.cores} × ${environment.processor}, Node ${environment.node.replace('v', '')}, ${startedAt.slice(0, 10)}, seed ${seed}, ` +
      `commit ${environment.commit.slice(0, 10)}`,
    boundPercent: percent(boundOfNone(options.kills) ?? 1),
  })
  return text + (doubted ? ' **Not to be quoted: the result says why.**' : '')
}

/** Each page with the table of this result, by its path in the repository. */
export function pagesWithHeadline(result: BenchResult): ReadonlyMap<string, string> {
  return new Map(PAGES.map(([path, words]) => [path, withHeadline(readFileSync(fileOf(path), 'utf8'), result, words)]))
}

function fileOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

/** Names may hold characters that mean something in Markdown. */
function main([resultPath]: readonly string[]): void {
  if (resultPath === undefined || resultPath === '--help')
    throw new UsageError('node bench/report/headline.ts RESULT.json')
  for (const [path, page] of pagesWithHeadline(readResult(resultPath))) {
    writeFileSync(fileOf(path), page)
    say(`The table in ${path} is up to date`)
  }
}

if (import.meta.main) benchMain(async (args) => main(args))
