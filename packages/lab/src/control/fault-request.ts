import { ApiError } from '../errors.ts'
import type { FaultRequest } from '../faults/controller.ts'
import { duration, type Field } from '../faults/contract/fields.ts'
import { faults, findFault } from '../faults/kinds/index.ts'

const FIELDS = ['kind', 'target'] as const

type Body = Readonly<Record<string, unknown>>

/** Checks the body's shape, and rejects with what each field takes. */
export function faultRequest(body: Body): FaultRequest {
  const { kind, target } = body
  if (typeof kind !== 'string') throw wrong(`kind takes ${[...faults.keys()].join(', ')}`)
  const own: Readonly<Record<string, Field>> = { durationMs: duration(), ...findFault(kind).fields }
  const known: readonly string[] = [...FIELDS, ...Object.keys(own)]
  const strange = Object.keys(body).find((field) => !known.includes(field))
  if (strange !== undefined)
    throw wrong(`"${strange}" is no field of a fault of kind ${kind}; there are ${known.join(', ')}`)
  if (typeof target !== 'string') throw wrong('target takes a node\'s name, such as "b", or "random"')
  const given = Object.entries(own).flatMap(([name, field]) => {
    const value = body[name] ?? field.otherwise
    if (value === undefined && field.optional && body[name] === undefined) return []
    if (!field.accepts(value)) throw wrong(`${name} takes ${field.takes}`)
    return [[name, value] as const]
  })
  return { kind, target, ...Object.fromEntries(given) }
}

function wrong(message: string): ApiError {
  return new ApiError(422, 'WRONG_SHAPE', message)
}
