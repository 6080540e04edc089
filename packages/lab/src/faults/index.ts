import { crash } from './crash.ts'
import { drain } from './drain.ts'
import type { Fault } from './fault.ts'
import { kill } from './kill.ts'
import { pause } from './pause.ts'

export const faults: ReadonlyMap<string, Fault> = new Map(
  [kill, pause, drain, crash].map((fault) => [fault.kind, fault]),
)
