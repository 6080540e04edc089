import { type ClusterState, count, type Counts, figure, nodeLabel, sum, type UsersSecond } from '@ninelives/history'
import { clockTime, type Paint } from './paint.ts'
import { visible } from './visible.ts'

const BAR_WIDTH = 8

/** One second of the users in one line: answers by node, failures, and lost items. */
export function watchLine(second: UsersSecond, nodes: readonly string[], atMs: number, paint: Paint): string {
  const { ok, failed, unknown, loggedOut, lost, users, latencyMs } = second
  const { 'logged-out': _counted, ...otherwise } = failed
  const errors = sum(otherwise) + sum(unknown)
  return [
    paint('dim', clockTime(atMs)),
    ...nodes.map((node) => share(node, second.byNode, paint)),
    `ok ${String(ok).padStart(3)}`,
    flagged(`failed ${figure(errors)}`, errors, paint),
    flagged(`logged out ${figure(loggedOut)}`, loggedOut, paint),
    flagged(`carts intact ${figure(users.intact)}/${figure(users.all)}`, users.all - users.intact + lost, paint),
    `p99 ${latencyMs.p99.toFixed(0)} ms`,
  ].join('  ')
}

function share(node: string, byNode: Counts, paint: Paint): string {
  const part = (byNode[node] ?? 0) / Math.max(1, sum(byNode))
  const filled = Math.round(part * BAR_WIDTH)
  const bar = paint('cyan', '█'.repeat(filled)) + paint('dim', '·'.repeat(BAR_WIDTH - filled))
  return `${visible(node)} ${bar} ${String(Math.round(part * 100)).padStart(3)} %`
}

function flagged(text: string, bad: number, paint: Paint): string {
  return bad === 0 ? text : paint('red', text)
}

export function watchSentence(node: string, answers: boolean, atMs: number, paint: Paint): string {
  const text = `${nodeLabel(node)} ${answers ? 'answers again' : 'stopped answering'}`
  return `${paint('dim', clockTime(atMs))}  ${paint(answers ? 'green' : 'red', text)}`
}

export interface Watched {
  readonly target: string
  readonly users: ClusterState['users']
  readonly seconds: number
  readonly byNode: Counts
  readonly byKind: Counts
  readonly worstP99Ms: number
}

/** The totals of a watch, as a table. */
export function watchSummary({ target, users, seconds, byNode, byKind, worstP99Ms }: Watched): string {
  const { ok, errors, loggedOut, lost } = users.totals
  // Operations in flight count as neither.
  const ended = ok + errors + loggedOut
  const percent = ended === 0 ? '' : ` (${((100 * ok) / ended).toFixed(2)} %)`
  const kinds = Object.entries(byKind).map(([kind, times]) => `${figure(times)} × ${visible(kind)}`)
  const answers = Math.max(1, sum(byNode))
  const shares = Object.entries(byNode).map(([node, own]) => `${visible(node)} ${Math.round((100 * own) / answers)} %`)
  const rows: [string, string][] = [
    ['operations', figure(ended)],
    ['ok', `${figure(ok)}${percent}`],
    ['failed', kinds.length === 0 ? figure(errors) : `${figure(errors)} (${kinds.join('; ')})`],
    ['logged out', count(loggedOut, 'time')],
    ['items lost', figure(lost)],
    ['carts intact', `${figure(users.intact)}/${figure(users.all)}`],
    ['answers', shares.sort().join(', ')],
    ['worst p99', `${worstP99Ms.toFixed(0)} ms`],
  ]
  return `Watched ${target} for ${count(seconds, 'second')}.\n${rows.map(([name, value]) => `  ${name.padEnd(14)}${value}\n`).join('')}`
}
