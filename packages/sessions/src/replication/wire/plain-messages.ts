/** Messages that travel seldom, as JSON. Every field is checked before a text is taken for a message. */
import { MalformedFrameError } from './frames.ts'
import type { Electorate, ViewMember, Message, ViewRole, View } from './messages.ts'
import { NAMES_MAX } from './ranks.ts'

export type PlainType = 'decided' | 'prepare' | 'promise' | 'accept' | 'accepted'

type Check = (value: unknown) => boolean
type Shape = Readonly<Record<string, Check>>

const ROLES: ReadonlySet<unknown> = new Set<ViewRole>(['full', 'joining', 'out'])

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isRank: Check = (value) => isCount(value) && (value as number) < NAMES_MAX
const isFinite: Check = (value) => Number.isFinite(value)
const isAbsent: Check = (value) => value === undefined
const isAbsentOr =
  (check: Check): Check =>
  (value) =>
    isAbsent(value) || check(value)
const areAll =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= NAMES_MAX && value.every((each) => check(each))
const isOf =
  (shape: Shape): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(shape).every(([name, check]) => check((value as Record<string, unknown>)[name]))

const member = { rank: isRank, incarnation: isCount, role: (role) => ROLES.has(role), since: isCount } satisfies {
  readonly [Field in keyof ViewMember]: Check
}
const electorate = { counted: isCount, adding: isCount, removing: isCount } satisfies {
  readonly [Field in keyof Electorate]: Check
}
const view = {
  cluster: isCount,
  number: isCount,
  members: areAll(isOf(member)),
  electorate: isAbsentOr(isOf(electorate)),
} satisfies { readonly [Field in keyof View]: Check }
const isView = isOf(view)
const register = { ballot: isCount, cluster: isCount, number: isCount }

const SHAPES: Readonly<Record<PlainType, Check>> = {
  decided: isOf({ view: isView, quietMs: isAbsentOr(areAll(isFinite)) }),
  prepare: isOf({ ballot: isCount, base: isAbsentOr(isView), present: isAbsentOr(areAll(isCount)) }),
  promise: isOf({
    ...register,
    accepted: isAbsentOr(isOf({ ballot: isCount, view: isView })),
    quietMs: areAll(isFinite),
    ended: isAbsentOr(isCount),
  }),
  accept: isOf({ ...register, view: isView }),
  accepted: isOf(register),
}

/** Throws MalformedFrameError. */
export function plainMessage(type: PlainType, text: string): Message {
  const message = parsed(text)
  if ((message as { type?: unknown } | null)?.type === type && SHAPES[type](message)) return message as Message
  throw new MalformedFrameError(`a message '${type}' that is none`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No message either.
    return undefined
  }
}
