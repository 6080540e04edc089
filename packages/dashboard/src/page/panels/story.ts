/** What happened, newest first. What happens to the users second by second becomes one line for as long as it goes on. */
import {
  type ClusterState,
  findNode,
  type Incident,
  type NodeDown,
  type ProcessNoted,
  type RequestsResent,
  sum,
  type TraceEvent,
  type UsersSecond,
} from '@ninelives/history'
import { byId, element, setText } from '../base/dom.ts'
import { duration, isWord, roughDuration, word, type Word } from '../base/words.ts'
import { failureText, reasonText } from '../base/reasons.ts'
import { clock } from '../time/chart.ts'
import { kindName } from '../time/time.ts'
import { fatesOf, placeOf, targetName, usersOn } from './sentence.ts'

interface Line {
  readonly atMs: number
  toMs: number
  readonly tone: 'good' | 'bad' | 'plain'
  /** Called for each language. */
  readonly text: () => string
}

interface Trouble extends Line {
  readonly sums: { out: number; lost: number; failed: number; unknown: number }
}

interface Resent extends Line {
  requests: number
}

interface Fates extends Omit<Line, 'tone'> {
  tone: Line['tone']
  incident: Incident
}

type Nothing = 'nothingYet' | 'nothingHappened' | 'nothingRecorded' | 'nothingHeard'

/** A line as it is shown. */
interface Row {
  readonly root: HTMLElement
  readonly ago: HTMLElement
}

const LINES_MAX = 200
/** Users that have done nothing for so long after a fault are told of as such. */
const FATES_AFTER_MS = 10_000
const AGO_EVERY_MS = 1_000
/** So long a pause ends a line about the users, or about requests that are sent on. */
const GAP_MS = 3_500
/** What the balancer or a process tells again within so long is one line. */
const AGAIN_MS = 20_000

export class Story {
  readonly #log = byId('log', HTMLElement)
  #lines: Line[] = []
  #elements: Row[] = []
  #trouble: Trouble | undefined
  /** By node: its last line about requests that went to another one. */
  readonly #resent = new Map<string, Resent>()
  /** By incident: what it meant for the users who were on it. */
  readonly #fates = new Map<number, Fates>()
  #shownMs = Number.NEGATIVE_INFINITY
  #startedAtMs = 0
  #nothing: Nothing = 'nothingHeard'

  tell(event: TraceEvent, before: ClusterState): void {
    this.#startedAtMs = event.type === 'run-started' ? event.startedAtMs : before.startedAtMs
    if (event.type === 'users-second') return this.#users(event, event.atMs)
    if (before.phase !== 'ready') return
    if (event.type === 'requests-resent') return this.#sentOn(event, event.atMs)
    const told = tell(event, before)
    if (told === undefined) return
    const again = recurrent.has(event.type) ? this.#toldLately(told, event.atMs) : undefined
    if (again === undefined) this.#add({ atMs: event.atMs, toMs: event.atMs, ...told })
    else this.#goesOn(again, event.atMs)
  }

  /** What the incidents meant, as soon as all the users who were on them have been heard of. */
  tellFates(incidents: readonly Incident[], strategy: string, atMs: number): void {
    for (const incident of incidents) {
      const known = this.#fates.get(incident.id)
      const { waiting, unnoticed } = incident.users
      const on = usersOn(incident)
      if (on === 0 || (known === undefined && waiting > 0 && atMs - incident.atMs < FATES_AFTER_MS)) continue
      const tone = unnoticed + waiting === on ? 'good' : 'bad'
      if (known !== undefined) {
        Object.assign(known, { incident, tone })
        this.#goesOn(known, known.toMs)
        continue
      }
      const line: Fates = { atMs, toMs: atMs, tone, incident, text: () => fatesText(line.incident, strategy) }
      this.#fates.set(incident.id, line)
      this.#add(line)
    }
  }

  clear(): void {
    this.#lines = []
    this.#trouble = undefined
    this.#fates.clear()
    this.#resent.clear()
    this.translate()
  }

  /** Why there is nothing to tell, as long as there is nothing. */
  tellNothing(nothing: Nothing): void {
    if (nothing === this.#nothing) return
    this.#nothing = nothing
    if (this.#lines.length === 0) this.translate()
  }

  translate(): void {
    this.#elements = this.#lines.map((line) => this.#make(line))
    const nothing = element('li', 'nothing', word(this.#nothing))
    this.#log.replaceChildren(...(this.#lines.length === 0 ? [nothing] : this.#elements.map(({ root }) => root)))
    this.#shownMs = Number.NEGATIVE_INFINITY
  }

  /** How long ago each was. Lines that are later than the time that is shown are grey and slanted. */
  showUntil(ms: number): void {
    if (Math.abs(ms - this.#shownMs) < AGO_EVERY_MS) return
    this.#shownMs = ms
    for (const [index, { atMs }] of this.#lines.entries()) {
      const { root, ago } = this.#elements[index] ?? {}
      const isLater = atMs > ms + 1
      root?.classList.toggle('later', isLater)
      if (ago !== undefined) setText(ago, isLater ? '' : word('ago', { time: roughDuration(ms - atMs) }))
    }
  }

  #users(second: UsersSecond, atMs: number): void {
    const { 'logged-out': _counted, ...failed } = second.failed
    const more = { out: second.loggedOut, lost: second.lost, failed: sum(failed), unknown: sum(second.unknown) }
    if (sum(more) === 0) return
    const last = this.#trouble
    if (last === undefined || atMs - last.toMs > GAP_MS) {
      this.#trouble = { atMs, toMs: atMs, tone: 'bad', sums: more, text: () => troubleText(more) }
      return this.#add(this.#trouble)
    }
    for (const name of ['out', 'lost', 'failed', 'unknown'] as const) last.sums[name] += more[name]
    this.#goesOn(last, atMs)
  }

  #sentOn({ upstream: name, retries, reroutes }: RequestsResent, atMs: number): void {
    const last = this.#resent.get(name)
    if (last !== undefined && atMs - last.toMs <= GAP_MS) {
      last.requests += retries + reroutes
      return this.#goesOn(last, atMs)
    }
    const requests = retries + reroutes
    const line: Resent = {
      atMs,
      toMs: atMs,
      tone: 'plain',
      requests,
      text: () => word('storyResent', { name, n: line.requests }),
    }
    this.#resent.set(name, line)
    this.#add(line)
  }

  /** The line that said the same, if that was a moment ago. */
  #toldLately(told: Told, atMs: number): Line | undefined {
    const text = told.text()
    return this.#lines.find((line) => atMs - line.toMs <= AGAIN_MS && line.text() === text)
  }

  #goesOn(line: Line, atMs: number): void {
    line.toMs = atMs
    const at = this.#lines.indexOf(line)
    const made = this.#make(line)
    this.#elements[at]?.root.replaceWith(made.root)
    if (at !== -1) this.#elements[at] = made
    this.#shownMs = Number.NEGATIVE_INFINITY
  }

  #add(line: Line): void {
    this.#lines.unshift(line)
    const made = this.#make(line)
    this.#elements.unshift(made)
    this.#log.querySelector('.nothing')?.remove()
    this.#log.prepend(made.root)
    this.#shownMs = Number.NEGATIVE_INFINITY
    if (this.#lines.length <= LINES_MAX) return
    this.#lines.pop()
    this.#elements.pop()?.root.remove()
  }

  #make({ atMs, toMs, tone, text }: Line): Row {
    const time = element('time', '', clock(this.#startedAtMs + atMs))
    time.dateTime = new Date(this.#startedAtMs + atMs).toISOString()
    const ago = element('span', 'ago')
    const until = toMs - atMs < 1_500 ? '' : ` ${word('until', { time: clock(this.#startedAtMs + toMs) })}`
    const said = element('span', '')
    setText(said, text() + until)
    return { root: element('li', tone, element('div', 'when', time, ago), said), ago }
  }
}

type Told = Pick<Line, 'tone' | 'text'>

function tell(event: TraceEvent, before: ClusterState): Told | undefined {
  switch (event.type) {
    case 'node-up': {
      const { node: name, downForMs } = event
      return downForMs === undefined ? undefined : good('storyBack', { name, time: () => duration(downForMs) })
    }
    case 'node-down':
      return nodeDown(event, before)
    case 'node-paused':
      return bad('storyPaused', { name: event.node })
    case 'node-resumed':
      return good('storyResumed', { name: event.node })
    case 'node-draining':
      return plain('storyDrains', { name: event.node })
    case 'upstream-ejected': {
      const { upstream: name, reason } = event
      return plain('storyEjected', { name, reason: () => reasonText(reason) })
    }
    case 'upstream-readmitted':
      return plain('storyReadmitted', { name: event.upstream })
    case 'upstream-draining':
      return plain(isLeaving(event.upstream, before) ? 'storyNothingNew' : 'storyUnready', { name: event.upstream })
    case 'process-up':
      return hidden.has(event.process) ? undefined : good('storyProcessUp', { process: event.process })
    case 'process-down':
      return bad('storyProcessDown', { process: event.process, cause: event.signal ?? `exit ${event.code}` })
    case 'fault-confirmed':
    case 'fault-healed':
      return fault(event, before)
    case 'fault-failed':
      return bad('storyFaultFailed', { id: event.fault, reason: () => failureText(event.reason) })
    case 'users-paced':
      return plain('storyPaced', { n: event.rate })
    case 'process-noted':
      return noted(event, before)
    case 'run-started':
    case 'cluster-ready':
    case 'node-starting':
    case 'fault-injected':
    case 'sessions-held':
    case 'users-second':
    case 'visitor-served':
    case 'operation-sent':
    case 'operation-ended':
    case 'probe-result':
    case 'requests-resent':
    case 'run-ended':
    default:
      return undefined
  }
}

/** A node that a busy machine holds up is ejected and readmitted again and again. */
const recurrent: ReadonlySet<string> = new Set([
  'process-noted',
  'upstream-draining',
  'upstream-ejected',
  'upstream-readmitted',
])
const hidden: ReadonlySet<string> = new Set(['users', 'edges'])
const shownByState: ReadonlySet<string> = new Set(['kill', 'crash', 'drain', 'pause'])

function nodeDown({ node: name, code, signal, held }: NodeDown, before: ClusterState): Told {
  if (findNode(before, name)?.state === 'draining' && code === 0) return plain('storyLeft', { name })
  const values = { name, cause: signal ?? `exit ${code}`, n: held }
  if (held === 0) return bad('storyDied', values)
  return bad(ALONE.has(before.strategy.name) ? 'storyDiedHolding' : 'storyDiedCopies', values)
}

/** With these, a session is in the memory of one node alone. */
const ALONE: ReadonlySet<string> = new Set(['memory', 'sticky'])

function isLeaving(name: string, state: ClusterState): boolean {
  const isAsked = state.faults.some(({ kind, target }) => kind === 'drain' && target.split(',').includes(name))
  return isAsked || findNode(state, name)?.state === 'draining'
}

function fatesText(incident: Incident, strategy: string): string {
  const on = usersOn(incident)
  const target = targetName(incident.target, 'Mid')
  const values = { n: on, where: word(`where-${placeOf(incident, strategy)}`, { n: on, target }) }
  if (incident.users.unnoticed === on) return word('storyNone', values)
  const fates = fatesOf(incident.users).map(({ text }) => text.replaceAll('*', ''))
  return word('storyFates', { ...values, fates: fates.join(', ') })
}

function fault(
  event: { type: 'fault-confirmed' | 'fault-healed'; fault: string },
  { faults }: ClusterState,
): Told | undefined {
  const found = faults.find(({ id }) => id === event.fault)
  if (found === undefined) return undefined
  const { kind, target, confirmedAtMs } = found
  if (target !== 'store' && shownByState.has(kind)) return undefined
  const values = { target: () => targetName(target), kind: () => kindName(kind) }
  if (event.type === 'fault-confirmed') return bad('storyFault', values)
  return confirmedAtMs === undefined ? undefined : good('storyHealed', values)
}

function noted(
  { process, event, warns, line: said, detail }: ProcessNoted,
  { needs, nodes }: ClusterState,
): Told | undefined {
  const values = {
    process: () => processName(process),
    event,
    point: String(detail['point']),
    operation: String(detail['operation']),
    needs,
    all: nodes.length,
  }
  const name = event === 'store-awaited' && needs > 1 ? 'noted-nodes-awaited' : `noted-${event}`
  // Each node that starts again waits for the others for a moment: no fault.
  if (isWord(name)) return name === 'noted-nodes-awaited' ? plain(name, values) : bad(name, values)
  return warns ? bad('storyNoted', { ...values, event: said ?? event }) : undefined
}

function processName(process: string): string {
  const [, name] = /^node-(.+)$/.exec(process) ?? []
  return name === undefined ? process : word('node', { name })
}

type Values = Readonly<Record<string, string | number | (() => string)>>

function line(tone: Line['tone'], name: Word, values: Values): Told {
  const now = (): Record<string, string | number> =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, typeof value === 'function' ? value() : value]),
    )
  return { tone, text: () => word(name, now()) }
}

function good(name: Word, values: Values): Told {
  return line('good', name, values)
}

function bad(name: Word, values: Values): Told {
  return line('bad', name, values)
}

function plain(name: Word, values: Values): Told {
  return line('plain', name, values)
}

function troubleText({ out, lost, failed, unknown }: Trouble['sums']): string {
  const parts: string[] = []
  if (out > 0) parts.push(word('troubleOut', { n: out }))
  if (lost > 0) parts.push(word('troubleLost', { n: lost }))
  if (failed > 0) parts.push(word('troubleFailed', { n: failed }))
  if (unknown > 0) parts.push(word('troubleUnknown', { n: unknown }))
  return parts.join(', ')
}
