/**
 * The answer in three sentences: what was lost, how long users waited, and what it cost. No strategy is called better
 * where the interval contains 1, and none is called safe: it lost nothing in that many faults.
 */
import { ANOMALIES } from '@ninelives/history'
import type { BenchResult, Comparison, StrategyFigures } from '../result.ts'
import { count, listed, percent, plural, times, withInterval } from './drawing/figures.ts'
import { boundOfNone, comparisonsOf, contestants, isMeasured, type Measured, scenariosOf } from './drawing/reading.ts'

const NAMED_MAX = 4
/** Than a loss: they are told beside it. */
const WORSE: readonly string[] = ANOMALIES.slice(0, ANOMALIES.indexOf('lost-session'))

export function answer(result: BenchResult): string[] {
  const [scenario] = scenariosOf(result)
  const measured = scenario === undefined ? [] : contestants(result, scenario).filter(isMeasured)
  if (scenario === undefined || measured.length === 0) return ['Nothing was measured, so there is no answer.']
  const compared = comparisonsOf(result, scenario)
  return [lossSentence(measured), waitSentence(measured, compared), costSentence(measured, compared)]
}

function lossSentence(measured: readonly Measured[]): string {
  const judged = measured.filter(({ figures }) => figures.kills > 0 && figures.verdict !== 'unknown')
  const unjudged = measured.filter((each) => !judged.includes(each))
  const without = judged.filter((each) => lostCount(each) === 0)
  const wrong = without.filter(({ figures }) => figures.verdict === 'invalid')
  const keepers = without.filter((each) => !wrong.includes(each))
  const writers = keepers.filter(({ figures }) => figures.writes.acknowledged > 0)
  const idle = keepers.filter((each) => !writers.includes(each))
  const losers = judged
    .filter((each) => lostCount(each) > 0)
    .sort((one, other) => lostShare(other) - lostShare(one))
    .map(lostWords)
  const parts = [
    ...(writers.length === 0 ? [] : [keptWords(writers, 'no session and no acknowledged write')]),
    ...(idle.length === 0 ? [] : [keptWords(idle, 'no session')]),
    ...wrong.map(({ title, figures }) => `${title} lost none, but showed ${listed(shown(figures.anomalies))}`),
    ...losers,
    ...(unjudged.length === 0 ? [] : [`of ${names(unjudged)} it is unknown`]),
  ]
  return `Lost: ${parts.join('; ')}.`
}

const lostCount = ({ figures }: Measured): number => figures.sessions.lost + figures.writes.lost

const lostShare = ({ figures }: Measured): number => figures.sessions.lostShare.share

function keptWords(keepers: readonly Measured[], nothing: string): string {
  const faults = Math.min(...keepers.map(({ figures }) => figures.kills))
  const bound = boundOfNone(faults)
  const bounded =
    bound === undefined
      ? 'too few faults to rule anything out'
      : `so a loss in up to ${percent(bound)} of the faults is not ruled out`
  return `${names(keepers)} lost ${nothing} in ${plural(faults, 'fault')}${keepers.length > 1 ? ' each' : ''} (${bounded})`
}

function lostWords({ title, figures: { sessions, writes, anomalies } }: Measured): string {
  const parts = [
    ...(sessions.lost === 0 ? [] : [`${percent(sessions.lostShare.share)} of the sessions that were open`]),
    ...(writes.lost === 0 ? [] : [`${count(writes.lost)} of ${count(writes.acknowledged)} acknowledged writes`]),
  ]
  const worse = shown(anomalies, WORSE)
  return `${title} lost ${parts.join(' and ')}${worse.length === 0 ? '' : `, and showed ${listed(worse)}`}`
}

function shown(anomalies: StrategyFigures['anomalies'], kinds: readonly string[] = ANOMALIES): string[] {
  return kinds.flatMap((kind) => (anomalies[kind] ? [`${kind} ${plural(anomalies[kind], 'time')}`] : []))
}

/** Of the user who waited longest: an average would hide users without any answer. */
function waitSentence(measured: readonly Measured[], compared: readonly Comparison[]): string {
  const faulted = measured.filter(({ figures }) => figures.kills > 0)
  const waits = faulted
    .toSorted((one, other) => one.figures.userOutageMs.p50.median - other.figures.userOutageMs.p50.median)
    .slice(0, NAMED_MAX)
    .map(({ title, figures }) => `${withInterval(figures.userOutageMs.p50)} ms on ${title}`)
  if (waits.length === 0) return 'Waited: no fault landed that counts.'
  const others =
    faulted.length > NAMED_MAX ? `, and a higher median on ${plural(faulted.length - NAMED_MAX, 'other')}` : ''
  const found = comparisonWords(measured, compared, 'outageMs', { less: 'shorter', more: 'longer' })
  return (
    `Waited: in the median over faults, the user who waited longest did so for ${listed(waits)}${others}; ` +
    `the longest time without a good answer to any user was, ${found}.`
  )
}

function costSentence(measured: readonly Measured[], compared: readonly Comparison[]): string {
  const words = { less: 'less', more: 'more' }
  const found = comparisonWords(measured, compared, 'cpuMicrosPerRequest', words)
  return `Cost: of CPU time a request, with nothing broken, ${found}.`
}

/** The strategies that differ from the base of the run, and those without a shown difference. */
function comparisonWords(
  measured: readonly Measured[],
  compared: readonly Comparison[],
  figure: Comparison['figure'],
  words: Readonly<Record<'less' | 'more', string>>,
): string {
  const ours = compared.filter((each) => each.figure === figure && !each.isAgain)
  const [first] = ours
  if (first === undefined) return 'there is nothing to compare with'
  const titled = (name: string): string => measured.find((each) => each.name === name)?.title ?? name
  const those = (finding: Comparison['finding']): Comparison[] =>
    ours.filter((each) => each.base === first.base && each.finding === finding)
  const differing = (['less', 'more'] as const).flatMap((which) =>
    those(which).length === 0
      ? []
      : [
          `${words[which]} on ${listed(those(which).map(({ strategy, ratio }) => `${titled(strategy)} ${times(ratio)}`))}`,
        ],
  )
  const same = those('no difference shown').map(({ strategy }) => titled(strategy))
  const few = those('too few blocks').map(({ strategy }) => titled(strategy))
  const parts = [
    ...differing,
    ...(same.length === 0 ? [] : [`no difference shown on ${listed(same)}`]),
    ...(few.length === 0 ? [] : [`too few blocks to tell on ${listed(few)}`]),
  ]
  return `against ${titled(first.base)}, ${parts.join('; ')}`
}

function names(entries: readonly Measured[]): string {
  return listed(entries.map(({ title }) => title))
}
