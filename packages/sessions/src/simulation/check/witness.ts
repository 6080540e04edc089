/** Checks all peers of a run while it goes on, and decides which node may crash without losing sessions for good. */
import type { View } from '../../replication/wire/messages.ts'
import type { PeerEvent } from '../../replication/replica/peer.ts'
import type { Placement } from '../../replication/context/placement.ts'
import { has } from '../../replication/wire/ranks.ts'

export interface Living {
  /** 0 for a dead one. */
  readonly incarnation: (node: number) => number
  /** There is no sign that a view without it may be decided. */
  readonly keepsPlace: (node: number) => boolean
}

export class Witness {
  readonly #fail: (what: string) => void
  readonly #mayLose: () => boolean
  readonly #members = new Map<string, string>()
  #latest: View | undefined

  /** `mayLose`: whether the run may end with all sessions lost. */
  constructor(fail: (what: string) => void, mayLose: () => boolean) {
    this.#fail = fail
    this.#mayLose = mayLose
  }

  event(node: number, event: PeerEvent): void {
    switch (event.event) {
      case 'repaired':
        return this.#fail(`n${node} differed from another replica in ${event.records} records`)
      case 'lost':
        if (!this.#mayLose()) this.#fail(`n${node} took all sessions for lost`)
        return
      case 'view':
        return this.#installed(event.view)
    }
  }

  /** Whether other nodes have all that a node holds, and keep it: the promise is to survive one death, not several. */
  isSafeToCrash(node: number, placement: Placement, living: Living): boolean {
    const holders = this.#latest?.members.filter(({ rank, role, incarnation }) => {
      return role === 'full' && rank !== node && living.incarnation(rank) === incarnation && living.keepsPlace(rank)
    })
    if (holders === undefined) return true
    return Array.from({ length: placement.buckets }, (_, bucket) => placement.replicas(bucket)).every((replicas) =>
      holders.some(({ rank }) => has(replicas, rank)),
    )
  }

  /** A live node that every later view is made of. */
  isFull(node: number, { incarnation }: Living): boolean {
    return (
      this.#latest?.members.some(({ rank, role, incarnation: listed }) => {
        return rank === node && role === 'full' && incarnation(node) === listed
      }) ?? false
    )
  }

  #installed(view: View): void {
    const name = `${view.cluster}/${view.number}`
    const members = JSON.stringify([view.members, view.electorate])
    const known = this.#members.get(name) ?? members
    if (known !== members) this.#fail(`two views ${name}: ${known} and ${members}`)
    this.#members.set(name, members)
    if (this.#latest === undefined || view.number > this.#latest.number) this.#latest = view
  }
}
