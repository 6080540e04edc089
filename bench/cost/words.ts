/** The words of the tables of costs. */
import type { CostPlan } from './result.ts'

export interface CostCaption {
  readonly plan: CostPlan
  /** Of the rates, the one in the middle. */
  readonly middleRate: number
  /** How far the model was from what was measured there. */
  readonly offPercent: number
  readonly blocks: number
  readonly machine: string
}

export interface CostWords {
  heads(rates: readonly number[], comparedRate: number): string[]
  dayHeads(rates: readonly number[]): string[]
  readonly day: string
  caption(figures: CostCaption): string
}

export const ENGLISH: CostWords = {
  heads: (rates, comparedRate) => [
    '',
    'idle: balancer, ms/s',
    'each node',
    'store',
    'a request adds: balancer, µs',
    'nodes',
    'store',
    ...rates.map((rate) => `at ${n(rate)}/s, ms/s`),
    `÷ HAProxy at ${comparedRate}/s`,
  ],
  dayHeads: (rates) => ['', 'nodes', ...rates.map((rate) => `${n(rate)} requests/s`)],
  day: 'What that makes of a day, in hours of one core, for the rate and the nodes that you have:',
  caption: ({ plan, middleRate, offPercent, blocks, machine }) =>
    `CPU time of ${plan.nodes} nodes, their balancer and their store: ${plan.idleSeconds} s without a request, and ${plan.seconds} s each at ` +
    `${plan.rates.map((rate) => n(rate)).join(', ')} requests a second, half of them writes. What a request adds is the slope of the line through these; the ` +
    `columns to the right are idle and slope together, at ${n(middleRate)}/s at most ${offPercent} % from what was measured. ` +
    `${blocks === 1 ? '1 block' : `${blocks} blocks`}, ${machine}. In brackets 95 % intervals.`,
}

export const KOREAN: CostWords = {
  heads: (rates, comparedRate) => [
    '',
    '유휴: 로드 밸런서, ms/s',
    '노드 하나',
    '저장소',
    '요청 하나에 더: 로드 밸런서, µs',
    '노드',
    '저장소',
    ...rates.map((rate) => `초당 ${n(rate)}개, ms/s`),
    `÷ HAProxy, 초당 ${comparedRate}개`,
  ],
  dayHeads: (rates) => ['', '노드', ...rates.map((rate) => `초당 요청 ${n(rate)}개`)],
  day: '하루로 치면 이렇습니다. 단위는 코어 하나의 시간이고, 자기 노드 수와 요청 수에 맞는 칸을 보면 됩니다.',
  caption: ({ plan, middleRate, offPercent, blocks, machine }) =>
    `노드 ${plan.nodes}대, 그 앞의 로드 밸런서, 저장소의 CPU 시간입니다. 요청 없이 ${plan.idleSeconds}초, 그리고 초당 요청 ` +
    `${plan.rates.map((rate) => n(rate)).join(', ')}개로 ${plan.seconds}초씩 쟀고 요청의 절반은 쓰기입니다. 요청 하나에 더 드는 것은 이 값들을 지나는 직선의 기울기이고, ` +
    `오른쪽 열은 유휴와 기울기를 더한 것입니다. 초당 ${n(middleRate)}개에서 실제로 잰 값과의 차이는 최대 ${offPercent} %입니다. ` +
    `블록 ${blocks}개, ${machine}. 괄호 안은 95 % 구간입니다.`,
}

export function n(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
