/** What every part of a peer needs: its rank among the names, clocks, timing, placement, and the way out for messages. */
import type { Message, View } from '../wire/messages.ts'
import type { Placement } from './placement.ts'
import type { Timing } from './timing.ts'

/** Safety depends on the rate of `monotonicMs`, not on its value. `wallMs` decides when records and fences expire. */
export interface MeshClock {
  readonly monotonicMs: () => number
  readonly wallMs: () => number
}

/** For the log. */
export type PeerEvent =
  | { readonly event: 'view'; readonly view: View; readonly names: Readonly<Record<string, string>> }
  /** Another replica had other changes than this one, where all had been acknowledged: a defect, repaired. */
  | { readonly event: 'repaired'; readonly records: number }
  /** All replicas of the acknowledged sessions are gone; the mesh was founded again, empty. */
  | { readonly event: 'lost' }

export interface PeerContext {
  /** Sorted. A rank is an index of this list. */
  readonly names: readonly string[]
  readonly rank: number
  readonly incarnation: number
  /** The ranks that found a mesh. In a fixed mesh: all of them. */
  readonly founders: number
  /** Names may be added and removed. Otherwise every name counts, for good. */
  readonly isResizable: boolean
  readonly clock: MeshClock
  readonly random: () => number
  readonly timing: Timing
  readonly placement: Placement
  readonly recordsMax: number
  post(to: number, message: Message): void
  /** The peer has something to do at that instant of the monotonic clock, at the latest. */
  due(atMs: number): void
  emit(event: PeerEvent): void
}
