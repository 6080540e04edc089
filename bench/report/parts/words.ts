/** What the page says about itself: what each figure means, how it was found, and what it does not say. */
import type { BenchResult } from '../../result.ts'
import { BIN_MS, OUTAGE_PHASE_MS } from '../../result.ts'
import { count } from '../drawing/figures.ts'
import { html, type Markup } from '../drawing/markup.ts'

const DEFINITIONS: readonly (readonly [string, string])[] = [
  [
    'Due time',
    'When an operation should begin, fixed in advance. Every time on this page counts from it, so that waiting for a slow system is in the figures and never hides them.',
  ],
  [
    'Latency before, in the outage, after',
    `From the due time to the end of the answer, by when the operation was due: before the fault, within ${count(OUTAGE_PHASE_MS)} ms from it on, and later. What timed out is in it. p99.9 is only given from 10,000 operations on.`,
  ],
  [
    'Outage',
    'The longest time around a fault in which nobody got a good answer. Of a user: the same for each user alone; the table has the one who waited longest.',
  ],
  ['Detection', 'From the fault to its notice by the balancer. A dash where the balancer does not tell.'],
  ['First success', 'From the fault to the first good answer to an operation that was due after it.'],
  [
    'Recovery',
    'From the fault until the share of good answers and the p99 were back in the band of before, and stayed there for 5 seconds. What was not back while it was watched is counted beside it, and is not in the median.',
  ],
  [
    'Sessions lost',
    'Of the sessions that were open when a fault landed, each counted once a fault, those whose user was logged out or found a session without what was in it.',
  ],
  [
    'Writes lost, doubled',
    'Of the writes that were acknowledged to a user, those that were gone later, or had been applied twice.',
  ],
  ['Stale reads', 'Answers that did not show a write that the same user had seen acknowledged before.'],
  ['Lost user-seconds', 'The time in which users could do nothing, added up over the users of one fault.'],
  [
    'Verdict',
    'Of the checkers, from the users’ history alone. Unknown, when a fault did not land or the checkers could not tell; never taken for valid.',
  ],
  [
    'Retries an operation',
    'Attempts of the balancer beyond the first, over operations. A dash where the balancer does not tell.',
  ],
  [
    'CPU',
    'User and system time of the processes, over the requests that were served; the nodes all together. Steadier on a shared machine than throughput.',
  ],
  [
    'Interval (95 %)',
    'From resampling what the figure was made from (bootstrap): faults, or blocks. With fewer than six it is a range and proves nothing.',
  ],
  [
    '3/N',
    'Nothing was lost in N faults: then with 95 % certainty the rate is below 3/N. It is never zero. In the heat map it stands behind ≤.',
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
      own, and faults that really happen to them. A peer is other people’s program in the same place.
    </li>
    <li>
      <strong>Through a fault</strong>: ${count(users)} virtual users with ${count(tabs)} ${tabs === 1 ? 'tab' : 'tabs'}
      each, ${count(operationsPerSecond)} operations a second, their due times fixed in advance; ${count(kills)} faults
      of each kind, at random phases. The unit is the fault, never the request.
    </li>
    <li>
      <strong>Healthy</strong>: autocannon’s connections, each a user with cookies; latencies in microseconds by a
      histogram of our own.
    </li>
    <li>
      <strong>Blocks</strong>: in each, every strategy has its turn, in an order shuffled from seed ${seed}. Strategies
      are compared by their ratio within a block, so that a slow moment, which slows all of them, cancels out.
    </li>
    <li>
      <strong>No winner</strong> is named where the interval of a ratio contains 1: it says
      <em>no difference shown</em>.
    </li>
    <li>
      <strong>A/A</strong>: the first strategy runs once more as if it were another. What that row shows is the error of
      the measurement; by chance one in twenty leaves out 1.
    </li>
    <li>
      <strong>Around a fault</strong> operations are counted in bins of ${count(BIN_MS)} ms by due time. What lagged, or
      had no machine of its own, is excluded and listed, not averaged in.
    </li>
  </ul> `
}

const NOT_SAID: readonly string[] = [
  'Other machines, networks and sizes: everything ran on one machine, over its loopback, with the load beside the nodes. Ratios carry further than milliseconds.',
  'Faults that are not in the heat map, and two faults at once.',
  'Rarer losses than 3/N allows: nothing seen is not nothing there.',
  'The cost of operating a strategy: servers to run, to patch and to pay.',
  'Weeks: leaks, growing stores and slow drifts need longer runs than this.',
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
