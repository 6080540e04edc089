/**
 * Engines with one rule broken each. A simulation that does not catch every one of them proves nothing about the engine
 * that it finds sound.
 */
import { rules, type Rules } from '../replication/context/rules.ts'

export interface Variant {
  readonly breaks: string
  readonly rules: Rules
}

const broken = (breaks: string, change: Partial<Rules>): Variant => ({ breaks, rules: { ...rules, ...change } })

export const variants: ReadonlyMap<string, Variant> = new Map([
  ['ack-before-copy', broken('a change is acknowledged before any other replica has it', { mustTake: () => 0 })],
  [
    'majority-commit',
    broken('a change is acknowledged when one other replica has it, not all', { mustTake: (live) => live & -live }),
  ],
  ['no-fence', broken('a destroyed session leaves nothing behind', { fenceUntil: () => 0 })],
  [
    'no-incarnation',
    broken('a process that starts again is taken for the one that died', {
      isSame: () => true,
      mayVote: (member) => member !== undefined,
    }),
  ],
  [
    'amnesiac-votes',
    broken('a process votes before a view lists it', { mayVote: (_member, incarnation) => incarnation !== 0 }),
  ],
  [
    'last-writer-wins',
    broken('the later by wall clock wins, whatever it builds on', {
      counter: (_next, wallMs) => Math.floor(wallMs) % 2 ** 31,
      mayBuild: () => true,
    }),
  ],
  ['last-arrival-wins', broken('a replica takes whatever comes', { outranks: () => true })],
  [
    'snapshot-without-stream',
    broken('a joining peer gets a snapshot, and no change made meanwhile', {
      isSent: (live, full) => live & full,
      mustTake: (live, full) => live & full,
    }),
  ],
  ['full-without-snapshot', broken('a joining peer is full at once', { isReady: () => true })],
  ['no-guard', broken('a new view does not wait for the leases of the former one', { guard: () => 0 })],
  [
    'deaf-guard',
    broken('a new view takes a lease for over when any voter has not renewed it for long', { quiet: Math.max }),
  ],
  ['no-lease', broken('own memory is read without a lease', { mayRead: () => true })],
  ['dirty-read', broken('a change is read before it is committed', { readsPending: true })],
  ['no-replay', broken('what a dead coordinator left is taken for committed', { orphan: 'believe' })],
  [
    'forgetful-vote',
    broken('a vote does not mind what another may have been decided', { put: (_accepted, own) => own }),
  ],
  [
    'hasty-loser',
    broken('whose change was outranked is told so, though others may have committed it', { isBeaten: () => true }),
  ],
])
