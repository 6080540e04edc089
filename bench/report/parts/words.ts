/** The explanations on the page: each figure's meaning, the method, and its limits. */
import type { BenchResult } from '../../result.ts'
import { BIN_MS, OUTAGE_PHASE_MS } from '../../result.ts'
import { count } from '../drawing/figures.ts'
import { html, type Markup } from '@ninelives/lab'

const DEFINITIONS: readonly (readonly [string, string])[] = [
  [
    'Due time',
    'When an operation should begin, fixed in advance. Every latency on this page counts from it, so that the figures include the time an operation waited behind a slow one.',
  ],
  [
    'Latency before, in the outage, after',
    `From the due time to the end of the answer, by when the operation was due: before the fault, within ${count(OUTAGE_PHASE_MS)} ms from it on, and later. What timed out is in it. p99.9 is only given from 10,000 operations on.`,
  ],
  [
    'Outage',
    'The longest time around a fault without a good answer to any user. Of a user: the same for each user alone; the table shows the longest of them.',
  ],
  ['Detection', 'From the fault to the balancer’s ejection of the node. A dash where the balancer does not report it.'],
  ['First success', 'From the fault to the first good answer to an operation that was due after it.'],
  [
    'Recovery',
    'From the fault until the share of good answers and the p99 were back in the band of before, and stayed there for 5 seconds. Faults without recovery during the watch are counted beside it, and are not in the median.',
  ],
  [
    'Sessions lost',
    'Of the sessions that were open when a fault landed, each counted once a fault, those whose user was logged out or found an empty session.',
  ],
  [
    'Writes lost, doubled',
    'Of the writes that were acknowledged to a user, those that were gone later, or had been applied twice.',
  ],
  ['Stale reads', 'Answers without a write that was acknowledged to the same user before.'],
  ['Lost user-seconds', 'The time in which users got no good answer, added up over the users, of one fault.'],
  [
    'Verdict',
    'The checkers’ verdict, from the users’ history alone. It is unknown when a fault did not land or the checkers could not decide; unknown never counts as valid.',
  ],
  [
    'Retries an operation',
    'The balancer’s attempts beyond the first, over operations. A dash where the balancer does not report it.',
  ],
  [
    'CPU',
    'User and system time of the processes, over the requests that they served; all nodes together. On a shared machine it is steadier than throughput.',
  ],
  [
    'Interval (95 %)',
    'From resampling the faults or blocks of the figure (bootstrap). With fewer than six it is only a range.',
  ],
  [
    '3/N',
    'When nothing was lost in N faults, the rate is below 3/N with 95 % confidence. It is not proved to be zero. The heat map shows this bound after ≤.',
  ],
]

export function definitions(): Markup {
  return html`<dl class="definitions">
    ${DEFINITIONS.map(
      ([term, meaning]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${meaning}</dd>
        </div> `,
    )}
  </dl> `
}

export function method({ options, seed }: BenchResult): Markup {
  const { kills, users, tabs, operationsPerSecond, nodes } = options
  return html`<ul class="prose">
    <li>
      <strong>Real processes.</strong> A balancer and ${count(nodes)} nodes for each strategy, each a process of its
      own, and real faults. A peer is a program of others in the same place.
    </li>
    <li>
      <strong>Through a fault</strong>: ${count(users)} virtual users with ${count(tabs)} ${tabs === 1 ? 'tab' : 'tabs'}
      each, ${count(operationsPerSecond)} operations a second, their due times fixed in advance; ${count(kills)} faults
      of each kind, at random phases. The unit is the fault, never the request.
    </li>
    <li><strong>Healthy</strong>: autocannon’s connections, each a user with cookies; latencies in microseconds.</li>
    <li>
      <strong>Blocks</strong>: in each, every strategy has its turn, in an order shuffled from seed ${seed}. Strategies
      are compared by their ratio within a block, so that a slow moment, which slows all of them, cancels out.
    </li>
    <li>
      <strong>No winner</strong> is named where the interval of a ratio contains 1; the page says
      <em>no difference shown</em>.
    </li>
    <li>
      <strong>A/A</strong>: the first strategy runs twice. Its second row shows the error of the measurement; by chance
      one in twenty leaves out 1.
    </li>
    <li>
      <strong>Around a fault</strong> operations are counted in bins of ${count(BIN_MS)} ms by due time. Faults with a
      late generator or a busy machine are excluded and listed.
    </li>
  </ul> `
}

const NOT_SAID: readonly string[] = [
  'Other machines, networks and sizes: everything ran on one machine, over its loopback, with the load beside the nodes. Ratios carry over to other machines better than milliseconds.',
  'Other faults than those in the heat map, and two faults at once.',
  'Losses that are rarer than 3/N.',
  'The cost of operating a strategy: servers to run, to patch and to pay.',
  'Effects over weeks: leaks, growing stores and slow drifts.',
]

export function notSaid(): Markup {
  return html`<ul class="prose">
    ${NOT_SAID.map((text) => html`<li>${text}</li> `)}
  </ul> `
}

export function environmentList({ environment, startedAt, endedAt, seed }: BenchResult): Markup {
  const { packages, memoryBytes } = environment
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  const facts: readonly (readonly [string, string])[] = [
    ['Began', startedAt],
    ['Ended', endedAt],
    ['Seed', String(seed)],
    ['Commit', `${environment.commit}${environment.changed ? ', with changes' : ''}`],
    ['Machine', `${environment.cores} × ${environment.processor}, ${(memoryBytes / 1024 ** 3).toFixed(1)} GiB`],
    ['System', environment.system],
    ['Node', environment.node],
    ...(environment.redis === undefined ? [] : [['Redis', environment.redis] as const]),
    ...(versions.length === 0 ? [] : [['Packages', versions.join(', ')] as const]),
    ['Load before', `${environment.loadBefore.toFixed(2)}${environment.busy ? ': busy' : ''}`],
  ]
  return html`<dl class="facts">
    ${facts.map(
      ([term, fact]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${fact}</dd>
        </div> `,
    )}
  </dl> `
}
