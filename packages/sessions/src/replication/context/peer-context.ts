/** What all parts of a peer stand on: who it is among whom, its clocks, its rules, and the way out for messages. */
import type { Message, View } from '../wire/messages.ts'
import type { Placement } from './placement.ts'
import type { Rules } from './rules.ts'
import type { Timing } from './timing.ts'

/** `monotonicMs` is what safety rests on, and only on its rate; `wallMs` decides nothing but expiry and the end of fences. */
export interface MeshClock {
  readonly monotonicMs: () => number
  readonly wallMs: () => number
}

/** What an operator wants in the log. */
export type PeerEvent =
  | { readonly event: 'view'; readonly view: View; readonly names: Readonly<Record<string, string>> }
  /** A replica differed from another in more than a touch after everything should have arrived: a defect, mended. */
  | { readonly event: 'repaired'; readonly records: number }
  /** All that held the acknowledged sessions are gone; the mesh begins anew without them. */
  | { readonly event: 'lost' }

export interface PeerContext {
  /** Sorted; a rank is an index of it. */
  readonly names: readonly string[]
  readonly rank: number
  readonly incarnation: number
  /** How many names are more than half. */
  readonly majority: number
  readonly clock: MeshClock
  readonly random: () => number
  readonly rules: Rules
  readonly timing: Timing
  readonly placement: Placement
  readonly recordsMax: number
  post(to: number, message: Message): void
  emit(event: PeerEvent): void
}
