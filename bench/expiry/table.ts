/** The table of the bench, for a terminal and docs/stores/database.md. */
import { aligned } from '../harness/command/table.ts'
import { withBlock } from '../harness/marked-block.ts'
import { whyBusy } from '../harness/processes/machine-load.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import type { ExpiryResult, ExpiryRound, Lateness } from './result.ts'

/** No request may be delayed by more than this. */
export const DELAY_MAX_MS = 20

const HEADS = [
  '',
  'all deleted within, s',
  'longest request beside it, ms',
  'without, ms',
  'requests beside it',
  'without',
]

export function expiryRows({ stores }: ExpiryResult): string[][] {
  return stores.map(({ title, rounds }) => {
    const beside = rounds.map((round) => round.beside)
    const control = rounds.flatMap((round) => round.control)
    return [
      title,
      rounds.some(({ left }) => left > 0)
        ? `not done: ${n(Math.max(...rounds.map(({ left }) => left)))} left`
        : range(rounds.map(({ purgeMs }) => purgeMs / 1_000)),
      range(longestOf(beside)),
      range(longestOf(control)),
      n(requestsOf(beside)),
      n(requestsOf(control)),
    ]
  })
}

export function expiryTable(result: ExpiryResult): string {
  const verdicts = result.stores.map(({ title, rounds }) => `${title}: ${verdict(rounds)}`)
  return [aligned([HEADS, ...expiryRows(result)], HEADS.length), ...verdicts, '', caption(result)].join('\n')
}

/** Whether some request was late, and whether the deletion was to blame. */
function verdict(rounds: readonly ExpiryRound[]): string {
  const allBeside = rounds.map((round) => round.beside)
  const allControl = rounds.flatMap((round) => round.control)
  const beside = Math.max(...longestOf(allBeside))
  const control = Math.max(...longestOf(allControl))
  if (rounds.some(({ left }) => left > 0)) return 'the deletion did not end'
  if (beside <= DELAY_MAX_MS) return `no request was later than ${DELAY_MAX_MS} ms: reached`
  if (beside - control > DELAY_MAX_MS) return `${ms(beside)} ms at most, and ${ms(control)} without any expiry: missed`
  // The longest of few requests is shorter than the longest of many.
  if (requestsOf(allBeside) < requestsOf(allControl) / 2)
    return `${ms(beside)} ms at most, of too few requests to compare with the ${ms(control)} without any expiry: undecided`
  return `${ms(beside)} ms at most, and ${ms(control)} without any expiry: reached as far as this machine tells`
}

export function expiryMarkdown(result: ExpiryResult): string {
  return `${markdownTable([HEADS, ...expiryRows(result)])}\n\n${caption(result)}`
}

/** The text with the table between its markers, and nothing else changed. */
export function withExpiry(page: string, result: ExpiryResult): string {
  return withBlock(page, 'expiry', expiryMarkdown(result))
}

function caption({ plan, environment, startedAt, stores }: ExpiryResult): string {
  const { sessions, controlSeconds } = plan
  const { cores, processor, node, commit, changed, busy } = environment
  const rounds = Math.min(...stores.map((store) => store.rounds.length))
  const shares = stores.flatMap((store) => store.rounds.map(({ othersShare = 0 }) => othersShare))
  const whyNot = [
    ...(busy ? ['the machine was busy when this began'] : []),
    ...[whyBusy(Math.max(0, ...shares))].flatMap((why) => (why === undefined ? [] : [`at times ${why}`])),
  ]
  return (
    `${n(sessions)} sessions that are due at once. A request is a read and a write of one session, due 2 ms after the last one; "without" are ` +
    `requests to the same store, ${controlSeconds} s before and ${controlSeconds} s after. ${rounds === 1 ? '1 round' : `The smallest and the largest of ${rounds} rounds`}. ` +
    `${cores} × ${processor}, Node ${node.replace('v', '')}, ${startedAt.slice(0, 10)}, commit ${commit.slice(0, 10)}${changed ? ' with changes' : ''}.` +
    (whyNot.length === 0 ? '' : ` Not to be quoted: ${whyNot.join('; ')}.`)
  )
}

function longestOf(all: readonly Lateness[]): number[] {
  return all.map(({ longestMs }) => longestMs)
}

function requestsOf(all: readonly Lateness[]): number {
  return all.reduce((sum, { requests }) => sum + requests, 0)
}

function range(values: readonly number[]): string {
  const [least, most] = [ms(Math.min(...values)), ms(Math.max(...values))]
  return least === most ? most : `${least}–${most}`
}

function ms(value: number): string {
  return value.toFixed(1)
}

function n(value: number): string {
  return value.toLocaleString('en-US')
}
