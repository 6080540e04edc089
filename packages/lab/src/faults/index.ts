import { ApiError } from '../errors.ts'
import { amnesia } from './amnesia.ts'
import { clock } from './clock.ts'
import { crash } from './crash.ts'
import { descriptors } from './descriptors.ts'
import { drain } from './drain.ts'
import type { Fault } from './fault.ts'
import { kill } from './kill.ts'
import { memory } from './memory.ts'
import { pause } from './pause.ts'
import { stall } from './stall.ts'

export const faults: ReadonlyMap<string, Fault> = new Map(
  [kill, pause, drain, crash, stall, memory, descriptors, clock, amnesia].map((fault: Fault) => [fault.kind, fault]),
)

/** Throws ApiError when there is none of that kind. */
export function findFault(kind: string): Fault {
  const fault = faults.get(kind)
  if (fault !== undefined) return fault
  throw new ApiError(422, 'UNKNOWN_KIND', `kind is "${kind}" and takes ${[...faults.keys()].join(', ')}`)
}
