/** The result of the bench of the balancer, for a terminal. */
import { type BalancerResult, differsFromItself, type GoalResult, type SubjectResult } from './result.ts'
import { CPU_KINDS, OURS } from './subjects.ts'
import { aligned, interval } from '../harness/command/table.ts'

const TITLES = { get: 'GET', post: 'POST, 42 bytes' } as const
const HEADINGS = ['CPU µs', '95 %', 'p50 µs', 'p99 µs', 'ninelives ÷ this', '']
/** From here on it is text. */
const RATIO_COLUMN = 5

export function balancerTable(result: BalancerResult): string {
  const { subjects, goals, missing, environment, seed, options } = result
  const { processor, cores, node, loadBefore, busy } = environment
  const absent = Object.entries(missing).map(([name, hint]) => `${name} is not on this machine. ${hint}`)
  return [
    ...CPU_KINDS.map((kind) =>
      aligned([[TITLES[kind], ...HEADINGS], ...subjects.map((subject) => cells(subject, kind))], RATIO_COLUMN),
    ),
    aligned(
      [
        [`Added at ${String(options['pacePerSecond'])} requests a second`, 'p50 µs', 'p99 µs'],
        ...subjects.map(({ title, addedP50Micros, addedP99Micros }) => [
          title,
          interval(addedP50Micros, 0),
          interval(addedP99Micros, 0),
        ]),
      ],
      RATIO_COLUMN,
    ),
    aligned([['Goals'], ...goals.map(goal)], 1),
    ...absent,
    `${String(options['blocks'])} blocks of ${String(options['requests'])} requests, seed ${seed}; ` +
      `Node ${node.slice(1)}, ${cores} × ${processor}`,
    'CPU: of all processes of the subject. ÷: ratio of CPU times within blocks, with its 95 % interval.',
    ...(busy ? [`NOT TO BE QUOTED: the machine was busy when this began (load ${loadBefore.toFixed(2)}).`] : []),
    ...(differsFromItself(result)
      ? ['NOT TO BE QUOTED: ninelives differs from itself (A/A), so other differences may be none either.']
      : []),
  ].join('\n')
}

function cells(subject: SubjectResult, kind: (typeof CPU_KINDS)[number]): string[] {
  const { cpuMicrosPerRequest: cpu, p50Micros, p99Micros, cpuRatio } = subject[kind]
  const { finding } = cpuRatio
  return [
    subject.title,
    cpu.median.toFixed(0),
    `${cpu.low.toFixed(0)}–${cpu.high.toFixed(0)}`,
    p50Micros.median.toFixed(0),
    p99Micros.median.toFixed(0),
    ...(subject.name === OURS ? [] : [interval(cpuRatio, 2), finding === 'less' || finding === 'more' ? '' : finding]),
  ]
}

function goal({ what, found, max, is }: GoalResult): string[] {
  const digits = max > 100 ? 0 : 2
  return [`  ${what}`, interval(found, digits), `at most ${max.toFixed(digits)}: ${is}`]
}
