/**
 * Verbs that another peer carries out, because this one is no full replica of their key. A call is sent once. When its link
 * ends before the answer, or its peer falls silent, the call is lost, and its caller decides what follows.
 */
import type { Call, VerbOutcome, Reply, Verb } from '../wire/messages.ts'
import type { Neighbours } from '../membership/neighbours.ts'
import type { PeerContext } from '../context/peer-context.ts'

export interface CallEnd {
  readonly replied: (outcome: Reply['outcome']) => void
  /** It may have been carried out, or may be later. */
  readonly lost: () => void
}

interface Outstanding extends CallEnd {
  readonly rank: number
}

export class Calls {
  readonly #context: PeerContext
  readonly #neighbours: Neighbours
  readonly #outstanding = new Map<number, Outstanding>()
  /** By rank, the incarnation and the id of the last call that was accepted. */
  readonly #lastAccepted: { incarnation: number; id: number }[]
  #lastId = 0

  constructor(context: PeerContext, neighbours: Neighbours) {
    this.#context = context
    this.#neighbours = neighbours
    this.#lastAccepted = context.names.map(() => ({ incarnation: 0, id: 0 }))
  }

  call(rank: number, verb: Verb, end: CallEnd): void {
    const id = ++this.#lastId
    this.#outstanding.set(id, { rank, ...end })
    this.#context.post(rank, { type: 'call', id, verb })
  }

  /** How to answer a call; undefined for a call that arrived before. */
  accept(rank: number, { id }: Call): ((outcome: VerbOutcome<unknown>) => void) | undefined {
    const { incarnation } = this.#neighbours.of(rank)
    const last = this.#lastAccepted[rank]
    if (last?.incarnation === incarnation && id <= last.id) return undefined
    this.#lastAccepted[rank] = { incarnation, id }
    return (outcome) => {
      // A restarted process counts its calls from 1 again, and would take this for the answer to one of its own.
      if (this.#neighbours.of(rank).incarnation !== incarnation) return
      this.#context.post(rank, { type: 'reply', id, outcome: outcome as Reply['outcome'] })
    }
  }

  replied(rank: number, { id, outcome }: Reply): void {
    const call = this.#outstanding.get(id)
    if (call?.rank !== rank) return
    this.#outstanding.delete(id)
    call.replied(outcome)
  }

  unlinked(rank: number): void {
    for (const [id, call] of this.#outstanding) if (call.rank === rank) this.#lose(id, call)
  }

  tick(now: number): void {
    for (const [id, call] of this.#outstanding) if (!this.#neighbours.hears(call.rank, now)) this.#lose(id, call)
  }

  #lose(id: number, call: Outstanding): void {
    this.#outstanding.delete(id)
    call.lost()
  }
}
