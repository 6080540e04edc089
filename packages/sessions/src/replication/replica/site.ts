/** What all parts of a peer stand on: who it is among whom, its clocks, its rules, and the way out for messages. */
import type { Message } from '../wire/messages.ts'
import type { MeshClock, PeerEvent } from './peer-surface.ts'
import type { Placement } from './placement.ts'
import type { Rules } from './rules.ts'
import type { Timing } from './timing.ts'

export interface Site {
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
  tell(event: PeerEvent): void
}
