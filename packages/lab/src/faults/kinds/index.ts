import { ApiError } from '../../errors.ts'
import { amnesia } from './store/amnesia.ts'
import { bandwidth } from './edge/bandwidth.ts'
import { clock } from './node/clock.ts'
import { crash } from './node/crash.ts'
import { cut } from './edge/cut.ts'
import { descriptors } from './node/descriptors.ts'
import { drain } from './node/drain.ts'
import { eviction } from './store/eviction.ts'
import { failover } from './store/failover.ts'
import type { Fault } from '../contract/fault.ts'
import { fullDisk } from './store/full-disk.ts'
import { hold } from './edge/hold.ts'
import { kill } from './node/kill.ts'
import { latency } from './edge/latency.ts'
import { memory } from './node/memory.ts'
import { partition } from './edge/partition.ts'
import { pause } from './node/pause.ts'
import { power } from './store/power.ts'
import { reset } from './edge/reset.ts'
import { stall } from './node/stall.ts'

const ofNodes: readonly Fault[] = [kill, pause, drain, crash, stall, memory, descriptors, clock]
const ofStores: readonly Fault[] = [amnesia, eviction, failover, fullDisk, power]
const ofEdges: readonly Fault[] = [latency, bandwidth, hold, reset, cut, partition]

export const faults: ReadonlyMap<string, Fault> = new Map(
  [...ofNodes, ...ofStores, ...ofEdges].map((fault) => [fault.kind, fault]),
)

/** Throws ApiError for an unknown kind. */
export function findFault(kind: string): Fault {
  const fault = faults.get(kind)
  if (fault !== undefined) return fault
  throw new ApiError(422, 'UNKNOWN_KIND', `kind is "${kind}" and takes ${[...faults.keys()].join(', ')}`)
}
