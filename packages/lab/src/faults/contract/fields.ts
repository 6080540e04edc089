/** A fault's options as data, by which the control API validates requests and describes what a fault takes. */
import { DIRECTIONS } from '../../edges/edges.ts'
import { CRASH_POINTS, type FaultDetail } from './fault-detail.ts'

export interface Field {
  /** Completes "field takes ...". */
  readonly takes: string
  readonly otherwise?: string | number
  /** An optional field. */
  readonly optional?: true
  readonly accepts: (value: unknown) => boolean
}

export type FaultFields = { readonly [name in keyof FaultDetail]?: Field }

export const DURATION_MAX_MS = 600_000
/** Stands for a request's number, drawn from the seed: one of the next RANDOM_REQUESTS. */
export const RANDOM_REQUEST = 'random'
const RANDOM_REQUESTS = 20
const REQUEST_MAX = 10_000
const OPERATION = /^[A-Z]{3,7} \/[!-~]{0,99}$/

export function randomRequest(random: () => number): number {
  return 1 + Math.floor(random() * RANDOM_REQUESTS)
}

export function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max
}

export function whole(what: string, min: number, max: number, otherwise?: number): Field {
  return {
    takes: `whole ${what}, ${min} to ${max}`,
    ...(otherwise === undefined ? {} : { otherwise }),
    accepts: (value) => isWhole(value, min, max),
  }
}

export function duration(otherwise?: number): Field {
  const field = whole('milliseconds', 1, DURATION_MAX_MS, otherwise)
  return otherwise === undefined ? { ...field, optional: true } : field
}

export const direction: Field = choice(DIRECTIONS, 'both')

export const crashFields: FaultFields = {
  point: choice(CRASH_POINTS),
  request: {
    takes: `which of the coming requests it is, 1 to ${REQUEST_MAX}, or "${RANDOM_REQUEST}"`,
    otherwise: 1,
    accepts: (value) => value === RANDOM_REQUEST || isWhole(value, 1, REQUEST_MAX),
  },
  operation: {
    takes: 'a method and a route, such as "POST /api/cart"',
    optional: true,
    accepts: (value) => typeof value === 'string' && OPERATION.test(value),
  },
}

function choice(choices: readonly string[], otherwise?: string): Field {
  return {
    takes: choices.join(', '),
    ...(otherwise === undefined ? {} : { otherwise }),
    accepts: (value) => choices.some((each) => each === value),
  }
}
