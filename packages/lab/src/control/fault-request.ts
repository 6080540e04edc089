import { ApiError } from '../errors.ts'
import type { FaultRequest } from '../faults/desk.ts'
import { CRASH_POINTS } from '../faults/fault.ts'
import { faults } from '../faults/index.ts'

const DURATION_MAX_MS = 600_000
const REQUEST_MAX = 10_000
const OPERATION = /^[A-Z]{3,7} \/[!-~]{0,99}$/
const FIELDS = ['kind', 'target', 'durationMs'] as const
const CRASH_FIELDS = ['point', 'request', 'operation'] as const

type Body = Readonly<Record<string, unknown>>

/** Rejects what has the wrong shape, and says what each field takes. */
export function faultRequest(body: Body): FaultRequest {
  const { kind, target, durationMs } = body
  const fields: readonly string[] = kind === 'crash' ? [...FIELDS, ...CRASH_FIELDS] : FIELDS
  const strange = Object.keys(body).find((field) => !fields.includes(field))
  if (strange !== undefined) throw wrong(`"${strange}" is no field of a fault; there are ${fields.join(', ')}`)
  if (typeof kind !== 'string') throw wrong(`kind takes ${[...faults.keys()].join(', ')}`)
  if (typeof target !== 'string') throw wrong('target takes a node\'s name, such as "b", or "random"')
  if (durationMs !== undefined && !isWhole(durationMs, DURATION_MAX_MS)) {
    throw wrong(`durationMs takes whole milliseconds, 1 to ${DURATION_MAX_MS}`)
  }
  return {
    kind,
    target,
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(kind === 'crash' ? crashOf(body) : {}),
  }
}

function crashOf({ point, request = 1, operation }: Body): Partial<FaultRequest> {
  const known = CRASH_POINTS.find((each) => each === point)
  if (known === undefined) throw wrong(`point takes ${CRASH_POINTS.join(', ')}`)
  if (request !== 'random' && !isWhole(request, REQUEST_MAX)) {
    throw wrong(`request takes which of the coming requests it is, 1 to ${REQUEST_MAX}, or "random"`)
  }
  if (operation === undefined) return { point: known, request }
  if (typeof operation !== 'string' || !OPERATION.test(operation)) {
    throw wrong('operation takes a method and a route, such as "POST /api/cart"')
  }
  return { point: known, request, operation }
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max
}

function wrong(message: string): ApiError {
  return new ApiError(422, 'WRONG_SHAPE', message)
}
