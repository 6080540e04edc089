import { ApiError } from '../../errors.ts'
import { amnesia } from './amnesia.ts'
import { bandwidth } from './bandwidth.ts'
import { clock } from './clock.ts'
import { crash } from './crash.ts'
import { cut } from './cut.ts'
import { descriptors } from './descriptors.ts'
import { drain } from './drain.ts'
import { failover } from './failover.ts'
import type { Fault } from './fault.ts'
import { hold } from './hold.ts'
import { kill } from './kill.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { partition } from './partition.ts'
import { pause } from './pause.ts'
import { reset } from './reset.ts'
import { stall } from './stall.ts'

const ofNodes: readonly Fault[] = [kill, pause, drain, crash, stall, memory, descriptors, clock]
const ofStores: readonly Fault[] = [amnesia, failover]
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
