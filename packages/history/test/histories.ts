/**
 * Histories as text, to be written and read by people. A line is an operation:
 *
 *     user-0 login 10-20 ok                  sent at 10 ms, ended at 20; the user's first visit, in tab 0
 *     user-0#2/1 put A 30-40 ok [A B*2]      the second visit, in tab 1; the answer showed a cart
 *     user-0 count 30-40 ok =3               what it came to
 *     user-0 read 50-60 out by b             told to log in, by node b
 *     user-0 put C 50-60 failed              or `unknown`; or 50-? for one of which no end was written
 *     user-0 return 70-80 ok as user-0       an old cookie was accepted; without `as`, it was turned away
 *     user-0 login 10-20 ok cookie x>y       sent with cookie x, held y after it
 *     user-0 copy a 90-95 ok [A]             asked from node a directly
 *     user-0 read 50-60 late 25 ok []        sent later than it could have been
 *     user-0 read 50-60 ok [] tries 2        sent to two nodes, one after the other
 *     user-0 move 50-60 ok =4 at 12,7        a move on the floor: the fourth of the session, and where it led
 *     user-0 linger 70-330 ok open 320       the socket was closed between 320 and 330; `open` for `ok` if it was not closed
 *
 * Operations are numbered from 1, as they stand. Other lines: `fault kill of b at 45`, `... fails`, `... is taken back`,
 * `fault crash after-commit of b at 45`, `node b starts as other at 5`, `node b dies at 50`, `node b leaves at 50`, `node b is up at 60`, `store dies at 50`, `replica dies at 50`, `store is up at 60`,
 * `heals f1 at 70`, `can't heal f1 at 70`, `requires NAME NAME`, `service of majority within 2000`, `timeouts IDLE ABSOLUTE` (and `VISITORS`), `other users at 60` (after those from the start), `users are up at 60`, and `cut off` for a trace without an end.
 */
import type {
  EventBody,
  OperationEnded,
  OperationKind,
  OperationSent,
  ProgramVersion,
  TraceEvent,
} from '../src/trace/events.ts'
import type { FloorFigures, Verdict } from '../src/judge.ts'
import { runStarted } from './events.ts'

interface Timed {
  readonly atMs: number
  readonly body: EventBody
}

const OPERATION =
  /^(?<user>[\w-]+?)(?:#(?<visit>\d+))?(?:\/(?<tab>\d+))? (?<kind>[a-z]+)(?: (?<about>\w+))? (?<sent>\d+)-(?<ended>\d+|\?)(?: late (?<late>\d+))?(?: (?<end>.*))?$/
const FAULT =
  /^fault (?<kind>\w+)(?: (?<point>[a-z]+-[a-z]+))? of (?<target>\w+) at (?<at>\d+)(?: (?<fate>fails|is taken back))?$/

export function historyOf(text: string): TraceEvent[] {
  const timed: Timed[] = []
  let start: Partial<EventBody> = {}
  let op = 0
  let faults = 0
  let isCut = false
  for (const line of text.split('\n')) {
    const fault = FAULT.exec(line)?.groups
    const operation = OPERATION.exec(line)?.groups
    const requires = /^requires (.+)$/.exec(line)?.[1]
    const life = /^(?:node (?<node>\w+)|(?<server>store|replica)) (?<what>dies|leaves|is up) at (?<at>\d+)$/.exec(
      line,
    )?.groups
    const starts = /^node (?<node>\w+) starts as (?<version>this|other) at (?<at>\d+)$/.exec(line)?.groups
    const heals = /^heals (f\d+) at (\d+)$/.exec(line)
    const stays = /^can't heal (f\d+) at (\d+)$/.exec(line)
    const service = /^service of (majority|one) within (\d+)$/.exec(line)
    const timeouts = /^timeouts (\d+) (\d+)(?: (\d+))?$/.exec(line)
    const others = /^other users at (\d+)$/.exec(line)
    const late = /^users are up at (\d+)$/.exec(line)
    if (line === '') continue
    else if (line === 'cut off') isCut = true
    else if (requires) start = Object.assign(start, { requires: requires.split(' ') })
    else if (life) timed.push(lifeOf(life))
    else if (starts) timed.push(startOf(starts))
    else if (heals?.[1]) timed.push({ atMs: Number(heals[2]), body: { type: 'fault-healed', fault: heals[1] } })
    else if (stays?.[1]) timed.push({ atMs: Number(stays[2]), body: failed(stays[1], 'not healed: it did not answer') })
    else if (service) start = Object.assign(start, { service: { needs: service[1], fullWithinMs: Number(service[2]) } })
    else if (timeouts) start = timeoutsOf(timeouts)
    else if (others) timed.push(usersAt(0), usersAt(Number(others[1])))
    else if (late) timed.push(usersAt(Number(late[1])))
    else if (fault) timed.push(...faultOf(`f${++faults}`, fault))
    else if (operation) timed.push(...operationOf(++op, operation))
    else throw new Error(`not a line of a history: ${line}`)
  }
  const bodies = timed.toSorted((a, b) => a.atMs - b.atMs)
  const endsAtMs = (bodies.at(-1)?.atMs ?? 0) + 1
  const end: Timed[] = isCut ? [] : [{ atMs: endsAtMs, body: { type: 'run-ended', reason: 'over' } }]
  const all = [{ atMs: 0, body: { ...runStarted, ...start } as EventBody }, ...bodies, ...end]
  return all.map(({ atMs, body }, seq) => Object.assign({ seq, atMs }, body))
}

function timeoutsOf([, idle, absolute, visitors]: readonly (string | undefined)[]): Partial<EventBody> {
  const ofVisitors = visitors === undefined ? {} : { visitorIdleTimeoutMs: Number(visitors) }
  return { idleTimeoutMs: Number(idle), absoluteTimeoutMs: Number(absolute), ...ofVisitors }
}

type Groups = Readonly<Record<string, string | undefined>>

function usersAt(atMs: number): Timed {
  return { atMs, body: { type: 'process-up', process: 'users', pid: 1 } }
}

function lifeOf({ node, server, what, at }: Groups): Timed {
  const end = { pid: 1, code: null, signal: what === 'dies' ? 'SIGKILL' : null }
  if (node === undefined) {
    const process = server === 'replica' ? 'replica' : 'redis'
    const up: EventBody = { type: 'process-up', process, pid: 1 }
    return { atMs: Number(at), body: what === 'is up' ? up : { type: 'process-down', process, ...end } }
  }
  if (what === 'is up') return { atMs: Number(at), body: { type: 'node-up', node, pid: 1 } }
  return { atMs: Number(at), body: { type: 'node-down', node, held: 0, ...end } }
}

function startOf({ node = '', version, at }: Groups): Timed {
  const body = { type: 'node-starting', node, pid: 1, url: '', version: version as ProgramVersion } as const
  return { atMs: Number(at), body }
}

function faultOf(fault: string, { kind = '', point, target = '', at, fate }: Groups): Timed[] {
  const atMs = Number(at)
  const injected: Timed = {
    atMs: atMs - 1,
    body: { type: 'fault-injected', fault, kind, target, ...(point && { point }) },
  }
  if (fate === 'fails') return [injected, { atMs, body: failed(fault, 'nothing happened') }]
  if (fate !== undefined) return [injected, { atMs, body: { type: 'fault-healed', fault } }]
  return [injected, { atMs, body: { type: 'fault-confirmed', fault } }]
}

function failed(fault: string, reason: string): EventBody {
  return { type: 'fault-failed', fault, reason }
}

function operationOf(op: number, groups: Groups): Timed[] {
  const { user = '', visit = '1', tab = '0', kind = '', about, ended, late = '0', end = 'ok' } = groups
  const sentAtMs = Number(groups['sent'])
  const cookies = / cookie (\w*)>(\w*)/.exec(end)
  const sent: OperationSent = {
    type: 'operation-sent',
    op,
    user,
    visit: Number(visit),
    tab: Number(tab),
    kind: kind as OperationKind,
    ...(kind === 'put' && about !== undefined ? { sku: about } : {}),
    ...(kind === 'copy' && about !== undefined ? { node: about } : {}),
    ...(cookies?.[1] ? { session: cookies[1] } : {}),
    dueAtMs: sentAtMs,
    sentAtMs,
    lateMs: Number(late),
  }
  const begins: Timed = { atMs: sentAtMs, body: sent }
  if (ended === '?' || ended === undefined) return [begins]
  return [begins, { atMs: Number(ended), body: endOf(op, sent, Number(ended), end) }]
}

function endOf(op: number, { user, kind }: OperationSent, endedAtMs: number, end: string): OperationEnded {
  const [word = 'ok'] = end.split(' ')
  const outcome = word === 'out' || word === 'open' ? 'failed' : (word as OperationEnded['outcome'])
  const cart = /\[(.*)\]/.exec(end)?.[1]
  const asks = WITHOUT_A_NAME.has(kind)
  const as = / as ([\w-]+)/.exec(end)?.[1] ?? (outcome === 'ok' && !asks && kind !== 'logout' ? user : undefined)
  const node = / by (\w+)/.exec(end)?.[1]
  const count = / =(\d+)/.exec(end)?.[1]
  const at = / at (\d+),(\d+)/.exec(end)
  const session = / cookie \w*>(\w+)/.exec(end)?.[1]
  const openAt = /\bopen (\d+)/.exec(end)?.[1]
  const attempts = / tries (\d+)/.exec(end)?.[1]
  return {
    type: 'operation-ended',
    op,
    endedAtMs,
    outcome,
    ...(outcome === 'ok' ? {} : { why: WHYS[word] ?? 'ECONNRESET' }),
    ...(node === undefined ? {} : { node }),
    ...(attempts === undefined ? {} : { attempts: Number(attempts) }),
    ...(session === undefined ? {} : { session }),
    ...(as === undefined ? {} : { as }),
    ...(cart === undefined ? {} : { items: itemsIn(cart) }),
    ...(count === undefined ? {} : { count: Number(count) }),
    ...(openAt === undefined ? {} : { openAtMs: Number(openAt) }),
    ...(at === null ? {} : { at: [Number(at[1]), Number(at[2])] as const }),
  }
}

/** Whose answers don't tell the user, or only where it is not to be told. */
const WITHOUT_A_NAME: ReadonlySet<string> = new Set(['return', 'forge', 'count', 'move', 'linger'])
const WHYS: Readonly<Record<string, string>> = { out: 'logged-out', open: 'still-open' }

function itemsIn(cart: string): [string, number][] {
  return cart
    .split(' ')
    .filter((item) => item !== '')
    .map((item) => {
      const [sku = '', quantity = '1'] = item.split('*')
      return [sku, Number(quantity)]
    })
}

/** A verdict in lines, without the figures of exposure and latency. */
export function linesOf(given: Verdict): string {
  const { verdict, anomalies, doubts, latency, operations, sessions, writes, floor, faults } = given
  const { ok, failed, unknown } = operations
  return [
    verdict,
    ...anomalies.map(({ kind, times, worst }) => {
      const { user, visit, ops, weight, text } = worst
      return `${kind} x${times}, ${user}#${visit} by ${ops.join(' ')}, weighs ${weight}: ${text}`
    }),
    ...doubts.map((doubt) => `doubt: ${doubt}`),
    ...latency.doubts.map((doubt) => `latency in doubt: ${doubt}`),
    `operations ${ok} ok, ${failed} failed, ${unknown} unknown`,
    `sessions ${sessions.begun} begun, ${sessions.lost} lost; writes ${writes.acknowledged} acknowledged, ${writes.lost} lost`,
    ...(floor === undefined ? [] : [floorText(floor)]),
    ...(faults.landed + faults.missed === 0 ? [] : [`faults ${faults.landed} landed, ${faults.missed} missed`]),
  ].join('\n')
}

function floorText({ moves, closed }: FloorFigures): string {
  const { acknowledged, lost, doubled } = moves
  const untimed = closed.untimed === 0 ? '' : `, ${closed.untimed} of them perhaps late`
  const sockets =
    closed.sockets === 0 ? '' : `; sockets ${closed.sockets} closed within ${closed.slowestMs} ms${untimed}`
  return `moves ${acknowledged} acknowledged, ${lost} lost, ${doubled} doubled${sockets}`
}
