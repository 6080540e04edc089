import { ApiError } from '../errors.ts'
import type { FaultRequest } from '../faults/desk.ts'
import { faults } from '../faults/index.ts'

const DURATION_MAX_MS = 600_000
const FIELDS = new Set(['kind', 'target', 'durationMs'])

/** Rejects what has the wrong shape, and says what each field takes. */
export function faultRequest(body: Record<string, unknown>): FaultRequest {
  const { kind, target, durationMs } = body
  const strange = Object.keys(body).find((field) => !FIELDS.has(field))
  if (strange !== undefined) throw wrong(`"${strange}" is no field of a fault; there are ${[...FIELDS].join(', ')}`)
  if (typeof kind !== 'string') throw wrong(`kind takes ${[...faults.keys()].join(', ')}`)
  if (typeof target !== 'string') throw wrong('target takes a node\'s name, such as "b", or "random"')
  if (durationMs === undefined) return { kind, target }
  if (
    typeof durationMs !== 'number' ||
    !Number.isInteger(durationMs) ||
    durationMs < 1 ||
    durationMs > DURATION_MAX_MS
  ) {
    throw wrong(`durationMs takes whole milliseconds, 1 to ${DURATION_MAX_MS}`)
  }
  return { kind, target, durationMs }
}

function wrong(message: string): ApiError {
  return new ApiError(422, 'WRONG_SHAPE', message)
}
