/**
 * Sentences for faults that no other event shows. The death or pause of a node has events of its own; the store's do not.
 */
import { ownEntry } from './own-entry.ts'
import type { Sentence } from './sentence.ts'
import type { FaultState } from '../state.ts'

interface Words {
  /** Completes "TARGET: ". */
  readonly landed: (fault: FaultState) => string
  readonly healed?: string
}

const words: Readonly<Record<string, Words>> = {
  stall: { landed: () => 'the event loop is blocked, no request is answered', healed: 'the event loop runs again' },
  memory: { landed: () => 'the heap is filled up', healed: 'the heap is free again' },
  descriptors: {
    landed: () => 'every file descriptor is taken, no connection can be accepted or made',
    healed: 'file descriptors are free again',
  },
  clock: {
    landed: ({ skewMs = 0 }) => `the clock is ${Math.abs(skewMs)} ms ${skewMs < 0 ? 'behind' : 'ahead'}`,
    healed: 'the clock is right again',
  },
  latency: {
    landed: ({ latencyMs = 0, jitterMs = 0, ...fault }) =>
      `everything is ${latencyMs}${jitterMs === 0 ? '' : ` to ${latencyMs + jitterMs}`} ms late${oneWay(fault)}`,
    healed: 'everything is on time again',
  },
  bandwidth: {
    landed: ({ bytesPerSecond, ...fault }) => `${bytesPerSecond} bytes a second pass at most${oneWay(fault)}`,
    healed: 'everything passes at full speed again',
  },
  hold: {
    landed: (fault) => `connections are accepted, and nothing passes${oneWay(fault)}`,
    healed: 'everything passes again',
  },
  reset: { landed: (fault) => `connections were reset${oneWay(fault)}` },
  cut: { landed: (fault) => `cut${oneWay(fault)}`, healed: 'connected again' },
  partition: { landed: () => 'cut off from the other nodes', healed: 'connected to the others again' },
  'full-disk': { landed: () => 'its disk is full, and refuses writes', healed: 'has room again' },
  power: { landed: () => 'lost its power: what was not synced is gone' },
  eviction: { landed: () => 'was full for a moment, and evicted sessions' },
  amnesia: { landed: () => 'lost every session' },
  failover: { landed: () => 'died, and its replica was promoted', healed: 'the dead server is back as the replica' },
}

const wordsOfStore: Readonly<Record<string, Words>> = {
  kill: { landed: () => 'killed, and every session with it', healed: 'back, with no session in it' },
  pause: {
    landed: () => 'paused: it keeps its connections and answers nothing',
    healed: 'resumed',
  },
}

function wordsFor({ kind, target }: FaultState): Words | undefined {
  return ownEntry(words, kind) ?? (target === 'store' ? ownEntry(wordsOfStore, kind) : undefined)
}

/** `fault` is its state before it landed. */
export function faultLanded(fault: FaultState | undefined): Sentence | undefined {
  const text = fault && wordsFor(fault)?.landed(fault)
  return text === undefined ? undefined : { text: `${labelOf(fault)}: ${text}`, tone: 'bad' }
}

/** Undefined for a fault that never landed. */
export function faultHealed(fault: FaultState | undefined): Sentence | undefined {
  if (fault?.confirmedAtMs === undefined) return undefined
  const text = wordsFor(fault)?.healed
  return text === undefined ? undefined : { text: `${labelOf(fault)}: ${text}`, tone: 'good' }
}

function labelOf(fault: FaultState | undefined): string {
  const { target = '' } = fault ?? {}
  if (target === 'store') return 'the store'
  if (target.includes('>')) return target.replaceAll('>', '→').replaceAll(',', ', ')
  return target
    .split(',')
    .map((name) => `node-${name}`)
    .join(', ')
}

function oneWay({ direction }: Pick<FaultState, 'direction'>): string {
  if (direction === 'request') return ', on the way there'
  return direction === 'answer' ? ', on the way back' : ''
}
