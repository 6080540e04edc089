/** The words of the tables of costs. */
import type { CostPlan } from './result.ts'

export interface CostCaption {
  readonly plan: CostPlan
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
  caption: ({ plan, blocks, machine }) =>
    `CPU time of ${plan.nodes} nodes, their balancer and their store: ${plan.idleSeconds} s without a request, and ${plan.seconds} s each at ` +
    `${plan.rates.map((rate) => n(rate)).join(', ')} requests a second, half of them writes. What a request adds is the slope of the line through these. The ` +
    `columns to the right are what was measured at that rate or lies on the line between two measurements, and above ${n(Math.max(...plan.rates))}/s what follows from the slope. ` +
    `Before that the cluster served ${n(plan.warmUpRate * plan.warmUpSeconds)} requests, so that its code is compiled. ` +
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
  caption: ({ plan, blocks, machine }) =>
    `노드 ${plan.nodes}대, 그 앞의 로드 밸런서, 저장소의 CPU 시간입니다. 요청 없이 ${plan.idleSeconds}초, 그리고 초당 요청 ` +
    `${plan.rates.map((rate) => n(rate)).join(', ')}개로 ${plan.seconds}초씩 쟀고 요청의 절반은 쓰기입니다. 요청 하나에 더 드는 것은 이 값들을 지나는 직선의 기울기이고, ` +
    `오른쪽 열은 그 요청 수에서 잰 값이거나 두 측정값을 잇는 선 위의 값이고, 초당 ${n(Math.max(...plan.rates))}개를 넘으면 기울기로 셈한 값입니다. ` +
    `코드가 모두 컴파일되도록 재기 전에 요청 ${n(plan.warmUpRate * plan.warmUpSeconds)}개를 처리했습니다. ` +
    `블록 ${blocks}개, ${machine}. 괄호 안은 95 % 구간입니다.`,
}

export function n(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
