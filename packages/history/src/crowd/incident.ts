/**
 * An incident is a death, a drain, a pause or another fault, with what it meant for the users who were on it. Each of these users has
 * one fate, the worst that was seen since. A user belongs to the last incident that met it.
 */

/** The fates, the mildest first. `waiting`: the user has done nothing since. */
export const FATES = ['waiting', 'unnoticed', 'slow', 'failed', 'lost', 'out'] as const
export type Fate = (typeof FATES)[number]

/** From its due time on, a user notices that an operation takes so long. */
export const SLOW_MS = 1_000
/** What happens later is not counted, except the first operation of a user that has waited. */
const LASTS_MS = 60_000

/** `passed-over`: requests of a node's users went to other nodes although it runs, and those do not have the sessions. */
export type IncidentCause =
  | 'killed'
  | 'died'
  | 'drained'
  | 'paused'
  | 'store-down'
  | 'balancer-down'
  | 'fault'
  | 'passed-over'

export interface Incident {
  readonly id: number
  readonly atMs: number
  readonly cause: IncidentCause
  /** The fault's kind, if a fault of the lab is the cause. */
  readonly kind?: string
  /** Why the balancer sends that node no requests, if it has said so. */
  readonly reason?: string
  /** What it fell on: a node, the store, edges. */
  readonly target: string
  /** The users who were on it, by fate. */
  readonly users: Readonly<Record<Fate, number>>
  /** Acknowledged items that these users missed. */
  readonly items: number
}

interface Member {
  fate: Fate
  items: number
  /** The visit in which the user was logged out. */
  outOf: number | undefined
}

/** Counts the fates of the users of one incident. */
export class Account {
  facts: Omit<Incident, 'users' | 'items'>
  /** What ended before is not counted. */
  readonly sinceMs: number
  /** The nodes that it fell on, by index; absent for all users. */
  nodes: readonly number[] | undefined
  readonly #members = new Map<number, Member>()
  readonly #users: Record<Fate, number> = { waiting: 0, unnoticed: 0, slow: 0, failed: 0, lost: 0, out: 0 }
  #items = 0

  constructor(facts: Account['facts'], sinceMs: number, nodes: readonly number[] | undefined) {
    this.facts = facts
    this.sinceMs = sinceMs
    this.nodes = nodes
  }

  get incident(): Incident {
    return { ...this.facts, users: { ...this.#users }, items: this.#items }
  }

  /** What was seen of it first was its effect on users. */
  turnsOut(facts: Account['facts'], nodes: readonly number[] | undefined): void {
    this.facts = facts
    this.nodes = nodes
  }

  /** The user was on it. */
  join(user: number): void {
    if (this.#members.has(user)) return
    this.#members.set(user, { fate: 'waiting', items: 0, outOf: undefined })
    this.#users.waiting++
  }

  /** The user met something; a milder fate than before changes nothing. */
  note(user: number, fate: Fate, { visit, items, atMs }: { visit: number; items: number; atMs: number }): boolean {
    const member = this.#members.get(user)
    if (member === undefined) return false
    if (member.fate !== 'waiting' && atMs - this.facts.atMs > LASTS_MS) return false
    const before = member.fate
    // The session was there after all: only some answers failed.
    if (member.outOf === visit && fate !== 'out') this.#set(member, 'failed')
    if (fate === 'out') member.outOf ??= visit
    if (FATES.indexOf(fate) > FATES.indexOf(member.fate)) this.#set(member, fate)
    const more = Math.max(0, items - member.items)
    member.items += more
    this.#items += more
    return more > 0 || member.fate !== before
  }

  /** The user logged in again, so the visit's session was lost for good. */
  isSettled(user: number): void {
    const member = this.#members.get(user)
    if (member !== undefined) member.outOf = undefined
  }

  #set(member: Member, fate: Fate): void {
    this.#users[member.fate]--
    this.#users[fate]++
    member.fate = fate
    if (fate !== 'out') member.outOf = undefined
  }
}
