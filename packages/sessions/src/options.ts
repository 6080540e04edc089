/**
 * Options are checked once, where the application hands them over. What can't be used is refused in words that name the
 * option, what it got and what it takes; an explicit `undefined` means the default, and leaves no key behind.
 */
import { SessionError } from './errors.ts'

/** What one option takes. */
export interface Rule {
  /** Completes "x takes ...". */
  readonly takes: string
  /** The error's code, where it is another than SESSION_OPTIONS. */
  readonly code?: string
  accepts(value: unknown): boolean
  /** More to say of a value that is refused. */
  hint?(value: unknown): string | undefined
  /** For options inside an option: checks them and gives them without `undefined`. */
  checked?(value: unknown, name: string): unknown
}

/** A rule for every option, so that none is added without one. */
export type Rules<Options> = { readonly [name in keyof Required<Options>]: Rule }

/** Options that can't be used. Thrown at the start, by the factory that was given them. */
export class SessionOptionsError extends SessionError {
  constructor(message: string, code = 'SESSION_OPTIONS') {
    super(code, 500, message)
  }
}

/** The longest time that an option takes: stores and cookies keep instants, and an endless one is none. */
export const DURATION_MAX_MS = 10 * 365 * 24 * 60 * 60_000
/** The longest that a Node timer takes; a longer one ends after 1 ms. */
export const WAIT_MAX_MS = 2 ** 31 - 1
const SHOWN_CHARS_MAX = 40

/**
 * The options without those that are `undefined`. Throws SessionOptionsError. `gone` names options that other software has
 * and this one refuses, with what to do instead.
 */
export function checkedOptions<Options extends object>(
  factory: string,
  given: Options | undefined,
  rules: Rules<Options>,
  gone: Readonly<Record<string, string>> = {},
): Options {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new SessionOptionsError(`${factory} takes an object of options, not ${shown(given)}.`)
  }
  const checked: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const rule: Rule | undefined = Object.hasOwn(rules, name) ? (rules as Record<string, Rule>)[name] : undefined
    if (rule === undefined) throw unknownOption(factory, name, Object.keys(rules), gone)
    checked[name] = checkedValue(`${factory}: ${name}`, value, rule)
  }
  return checked as Options
}

/** For options without a default, each by its name, or by its name and what to say of it. */
export function assertGiven(
  factory: string,
  options: object,
  ...needed: readonly (string | readonly [name: string, said: string])[]
): void {
  for (const each of needed) {
    const [name, said] = typeof each === 'string' ? [each, ''] : each
    if (Object.hasOwn(options, name)) continue
    throw new SessionOptionsError(`${factory} needs the option ${name}${said === '' ? '' : `: ${said}`}.`)
  }
}

export function checkedValue(name: string, value: unknown, rule: Rule): unknown {
  if (!rule.accepts(value)) {
    const hint = rule.hint?.(value)
    const more = hint === undefined ? '' : ` ${hint}`
    throw new SessionOptionsError(`${name} takes ${rule.takes}, not ${shown(value)}.${more}`, rule.code)
  }
  return rule.checked === undefined ? value : rule.checked(value, name)
}

function unknownOption(
  factory: string,
  name: string,
  known: readonly string[],
  gone: Readonly<Record<string, string>>,
): SessionOptionsError {
  const instead = Object.hasOwn(gone, name) ? gone[name] : `It takes ${known.join(', ')}.`
  return new SessionOptionsError(`${factory} has no option '${name}'. ${instead}`)
}

export const take = {
  boolean: rule('true or false', (value) => typeof value === 'boolean'),
  function: rule('a function', (value) => typeof value === 'function'),
  text: rule('a text that is not empty', (value) => typeof value === 'string' && value !== ''),

  /** Milliseconds, a fraction included. */
  durationMs: (minMs: number): Rule => ({
    ...rule(
      `milliseconds from ${minMs} to ${DURATION_MAX_MS} (ten years)`,
      (value) => typeof value === 'number' && value >= minMs && value <= DURATION_MAX_MS,
    ),
    hint: (value) => (value === Infinity ? 'A store keeps an instant for each session, so it has to end.' : undefined),
  }),

  /** For what a timer ends. */
  waitMs: (minMs: number): Rule =>
    rule(
      `milliseconds from ${minMs} to ${WAIT_MAX_MS} (24 days, the longest that a timer takes)`,
      (value) => typeof value === 'number' && value >= minMs && value <= WAIT_MAX_MS,
    ),

  wholeNumber: (min: number, max: number = Number.MAX_SAFE_INTEGER): Rule =>
    rule(
      `a whole number ${max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`}`,
      (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    ),

  oneOf: (...values: readonly unknown[]): Rule =>
    rule(values.map((value) => shown(value)).join(' or '), (value) => values.includes(value)),

  /** One of two kinds. */
  either: (one: Rule, other: Rule): Rule =>
    rule(`${one.takes}, or ${other.takes}`, (value) => one.accepts(value) || other.accepts(value)),

  /** An object with these methods. */
  having: (what: string, ...methods: readonly string[]): Rule => rule(what, (value) => hasMethods(value, methods)),

  /** Whose items the factory looks at itself. */
  list: rule('a list', Array.isArray),

  /** An object from names to values of one kind. */
  recordOf: (each: Rule): Rule =>
    rule(
      `an object, each value ${each.takes}`,
      (value) => isObject(value) && Object.values(value).every((item) => item === undefined || each.accepts(item)),
    ),

  /** Options inside an option. */
  options: <Inner extends object>(rules: Rules<Inner>): Rule => ({
    ...rule('an object of options', isObject),
    checked: (value, name) => checkedOptions(name, value as Inner, rules),
  }),
}

export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  const isHolder = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isHolder && methods.every((method) => typeof Reflect.get(value, method) === 'function')
}

function rule(takes: string, accepts: (value: unknown) => boolean): Rule {
  return { takes, accepts }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Short, and without what is inside an object: an option may be a secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return value.length <= SHOWN_CHARS_MAX ? `'${value}'` : `a text of ${value.length} characters`
  }
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (isObject(value)) return `an object (${Object.keys(value).join(', ')})`
  return ['function', 'symbol', 'bigint'].includes(typeof value) ? `a ${typeof value}` : String(value)
}
