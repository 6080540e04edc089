/** The one large sentence: what the last fault meant for the users who were on it, or what there is to do. */
import { type Fate, FATES, findNode, type Incident, lateFor, lifeOf } from '@ninelives/history'
import { recording } from '../base/control.ts'
import { byId } from '../base/dom.ts'
import { partsText } from '../base/parts.ts'
import { census } from '../data/census.ts'
import type { Moment } from '../data/moment.ts'
import { reasonText } from '../base/reasons.ts'
import { duration, isWord, lifeWord, word, type Word } from '../base/words.ts'
import { kindName } from '../time/time.ts'

/** A clause, with its meaning for shape and colour. */
export interface Clause {
  readonly text: string
  readonly fate?: Fate
}

export interface Told {
  /** What happened. */
  readonly lead: string
  readonly clauses: readonly Clause[]
  /** How many nodes are left. */
  readonly banner: string
  readonly isAlarming: boolean
}

const TOLD_FOR_MS = 120_000
/** A device whose first pointer is a finger seldom has a keyboard. */
const hasKeys = !matchMedia('(pointer: coarse)').matches

export function tell(moment: Moment, nowMs: number): Told {
  const { state, incidents } = moment
  const news = incidents.filter(({ atMs }) => nowMs - atMs < TOLD_FOR_MS)
  const last = news.findLast(({ cause }) => cause !== 'passed-over') ?? news.at(-1)
  const about = last === undefined ? calm(moment) : incidentTold(last, moment, nowMs)
  const { banner, isAlarming } = serviceOf(state, last)
  const lateMs = recording.fork === undefined ? lateFor(state.users) : undefined
  const busy = lateMs === undefined ? [] : [word('machineBusy', { n: Math.round(lateMs) })]
  return { ...about, banner: [banner, ...busy].join(' '), isAlarming }
}

type About = Pick<Told, 'lead' | 'clauses'>

function incidentTold(incident: Incident, moment: Moment, nowMs: number): About {
  const { cause, target, kind = '', reason, users, items, atMs } = incident
  const shownTarget = cause === 'fault' ? targetName(target) : target
  const values = { target: shownTarget, kind: kindName(kind), time: duration(nowMs - atMs) }
  const name = cause === 'paused' ? 'pausedIncident' : reason === undefined ? cause : 'passed-over-why'
  const lead = word(name, { ...values, reason: reasonText(reason ?? '') })
  const place = placeOf(incident, moment.state.strategy.name)
  const on = { n: usersOn(incident), target: targetName(target, 'Mid') }
  if (on.n === 0) return { lead, clauses: [{ text: word(place === 'node' ? 'nobodyOn' : 'nobodyIn', on) }] }
  const gone = items === 0 ? [] : [{ text: items === 1 ? word('item') : word('items', { n: items }) }]
  // Other users may be logged out as well, so at least so many of these are not any more.
  const back = Math.max(0, users.out - census(moment).out)
  const again = back === 0 ? [] : [{ text: word('again', { n: back }) }]
  const others = passedOverToo(incident, moment, nowMs)
  return { lead, clauses: [{ text: word(`on-${place}`, on) }, ...fatesOf(users), ...gone, ...again, ...others] }
}

/** Users who were logged out besides, as their nodes were passed over: since a fault, or lately. */
function passedOverToo(incident: Incident, { incidents }: Moment, nowMs: number): readonly Clause[] {
  const sinceMs = incident.cause === 'passed-over' ? nowMs - TOLD_FOR_MS : incident.atMs
  const others = incidents.filter((other) => {
    return other.cause === 'passed-over' && other.atMs >= sinceMs && other.id !== incident.id
  })
  const n = others.reduce((sum, { users }) => sum + users.out, 0)
  const nodes = [...new Set(others.map(({ target }) => target))].sort()
  return n === 0 ? [] : [{ text: word('alsoPassedOver', { n, nodes: nodes.join(', ') }) }]
}

/** What ties users to what an incident fell on: they were on the node, or behind the edge, or had their sessions in the store. */
export function placeOf({ cause, target }: Incident, strategy: string): 'node' | 'store' | 'edge' | 'all' | 'passed' {
  if (cause === 'passed-over') return 'passed'
  if (target.includes('>')) return 'edge'
  // With this strategy the store has no sessions: they are in cookies.
  if (target === 'store') return strategy === 'token' ? 'all' : 'store'
  return cause === 'balancer-down' ? 'all' : 'node'
}

export function usersOn({ users }: Incident): number {
  return FATES.reduce((sum, fate) => sum + users[fate], 0)
}

const ORDER: readonly Fate[] = ['unnoticed', 'slow', 'failed', 'lost', 'out', 'waiting']

/** What users met, a clause each. */
export function fatesOf(users: Incident['users']): readonly Clause[] {
  const met = ORDER.filter((fate) => users[fate] > 0)
  return met.map((fate, index): Clause => {
    const name: Word = index === met.length - 1 ? `${fate}-end` : fate
    return { text: word(name, { n: users[fate] }), fate }
  })
}

/** `at`: as a sentence begins, or within one. */
export function targetName(target: string, at: '' | 'Mid' = ''): string {
  if (target === 'store') return word(`store${at}`)
  if (target.includes('>')) return word(`edge${at}`, { edge: partsText(target) })
  return word(`node${at}`, { name: partsText(target) })
}

function calm({ state }: Moment): About {
  const { phase, nodes, users, strategy } = state
  if (phase === 'starting') return { lead: word('starting'), clauses: [] }
  if (phase === 'ended') return { lead: word('ended'), clauses: [] }
  const { loggedOut } = users.totals
  if (loggedOut > 0 && strategy.name === 'memory') {
    const isUnprovoked = nodes.every(({ deaths }) => deaths === 0)
    return { lead: word(isUnprovoked ? 'unprovoked' : 'unshared', { n: loggedOut }), clauses: [] }
  }
  const victim = nodes[1] ?? nodes[0]
  const serving = nodes.filter(({ state: life, ejected }) => life === 'up' && !ejected).length
  const key = String(nodes.indexOf(victim ?? (nodes[0] as never)) + 1)
  const values = { serving, users: users.all, key, name: victim?.name ?? '' }
  const told = users.all === 0 ? 'noUsers' : nodes.length === 1 ? 'quietOne' : 'quiet'
  const hint = hasKeys ? 'pressToKill' : 'tapToKill'
  // The tour says itself what to do.
  const isHinted = recording.fork === undefined && byId('tour', HTMLElement).hidden
  return { lead: word(told, values), clauses: isHinted ? [{ text: word(hint, values) }] : [] }
}

/** `told`: the incident of which the sentence tells; otherwise it says how many nodes serve. */
function serviceOf(state: Moment['state'], told: Incident | undefined): Pick<Told, 'banner' | 'isAlarming'> {
  const { nodes, strategy, needs } = state
  if (nodes.length === 0) return { banner: '', isAlarming: false }
  // The large sentence says so if it tells of no incident.
  if (state.phase === 'ended') return { banner: told === undefined ? '' : word('ended'), isAlarming: false }
  const serving = nodes.filter((node) => isServing(state, node.name)).length
  const others = nodes
    .filter((node) => !isServing(state, node.name))
    .map((node) => {
      const life = node.state === 'up' ? word('waitingForTraffic') : lifeWord(lifeOf(node))
      return word('nodeIs', { name: node.name, state: life })
    })
    .join(', ')
  const all = nodes.length
  const own = `strategy-${strategy.name}`
  const about = hasForgotten(state, told) ? word('allAtOnce') : isWord(own) ? word(own) : strategy.summary
  if (serving === all)
    return { banner: told === undefined ? about : `${word('allServe', { all })} ${about}`, isAlarming: false }
  const runs = nodes.filter((node) => node.state !== 'down').length
  if (serving === 0 && runs > 0 && runs < needs)
    return { banner: word('needsMore', { runs, all, needs }), isAlarming: true }
  if (serving === 0) return { banner: word('noneServe', { others }), isAlarming: true }
  const isLast = serving === Math.max(1, needs)
  const warning = !isLast ? '' : needs > 1 ? ` ${word('lastServes', { needs, all })}` : ` ${word('lastOne')}`
  return { banner: word('someServe', { serving, all, others }) + warning, isAlarming: serving === 1 }
}

/** Whether users were logged out because no node was left that had their sessions. */
function hasForgotten({ needs, noneAtMs }: Moment['state'], told: Incident | undefined): boolean {
  if (needs === 1 || noneAtMs === undefined || told === undefined || told.users.out === 0) return false
  return Math.abs(told.atMs - noneAtMs) < TOLD_FOR_MS
}

export function isServing(state: Moment['state'], name: string): boolean {
  const node = findNode(state, name)
  return node?.state === 'up' && !node.ejected && node.decision?.what !== 'draining'
}
