/** Flags as data: values, default and help. A bad flag is refused with one line that says what is accepted. */
import { closest } from '../../terminal/closest.ts'
import { wrapped } from '../../terminal/wrapped.ts'
import { parseArgs } from 'node:util'
import { UsageError } from '../../errors.ts'

export interface Flag<T> {
  /** The value's placeholder in the help, such as `N`. */
  readonly placeholder: string
  readonly help: string
  readonly otherwise: T
  /** Completes "--flag takes ...". */
  readonly takes: string
  /** Where it takes one of a few words. */
  readonly choices?: readonly string[]
  /** A flag without a value. */
  readonly isSwitch?: true
  /** Undefined for a bad value. `before` is the value so far, for a flag that may be repeated. */
  parse(value: string, before: T): T | undefined
}

/** Of a help text. */
const HELP_COLUMNS = 100
/** With fewer for its text, a flag stands on a line of its own. */
const HELP_COLUMNS_MIN = 36

// Flags differ in the type of their value.
export type Flags = Readonly<Record<string, Flag<unknown>>>
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

type Described<T> = Pick<Flag<T>, 'placeholder' | 'help' | 'otherwise'>

export function integerFlag<T extends number | undefined>(
  range: { readonly min: number; readonly max: number },
  described: Described<T>,
): Flag<T | number> {
  const { min, max } = range
  const parse = (value: string): number | undefined => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    return number >= min && number <= max ? number : undefined
  }
  return { ...described, takes: `${min} to ${max}`, parse }
}

/** A number from 0 to 1. */
export function shareFlag(described: Described<number>): Flag<number> {
  return { ...described, takes: '0 to 1', parse: parseShare }
}

function parseShare(value: string): number | undefined {
  const share = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN
  return share <= 1 ? share : undefined
}

export function choiceFlag<T extends string | undefined>(
  choices: readonly string[],
  described: Described<T>,
): Flag<T | string> {
  const parse = (value: string): string | undefined => choices.find((choice) => choice === value)
  return { ...described, takes: listed(choices), choices, parse }
}

export function textFlag<T extends string | undefined>(takes: string, described: Described<T>): Flag<T | string> {
  return { ...described, takes, parse: (value) => (value === '' ? undefined : value) }
}

/** A flag without a value: true if it is given. */
export function switchFlag(help: string): Flag<boolean> {
  return { placeholder: '', help, otherwise: false, takes: 'nothing', isSwitch: true, parse: () => true }
}

/** Accepts the origin of an HTTP server; a path or a password is refused, as it would be ignored. */
export function httpUrl(value: string): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  return url?.protocol === 'http:' && url.href === `${url.origin}/` ? url : undefined
}

/**
 * The values of all flags, or `help` if --help was given. Throws UsageError. `operand` gets the arguments that are no flags, for
 * commands that take some, before or after the flags.
 */
export function parseFlags<F extends Flags>(
  command: string,
  flags: F,
  args: readonly string[],
  operand?: (value: string) => void,
): FlagValues<F> | 'help' {
  const values = new Map(Object.entries(flags).map(([name, { otherwise }]) => [name, otherwise]))
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { isSwitch }]) => [name, { type: isSwitch ? 'boolean' : 'string' }] as const),
  )
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    strict: false,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (operand === undefined) throw new UsageError(`${command} takes no "${token.value}"; ${known(command, flags)}`)
      operand(token.value)
    }
    if (token.kind !== 'option') continue
    if (token.name === 'help') return 'help'
    const flag = flags[token.name]
    if (flag === undefined) throw new UsageError(unknownFlag(token.rawName, command, flags))
    values.set(token.name, valueOf(token.rawName, flag, token.value, values.get(token.name)))
  }
  return Object.fromEntries(values) as FlagValues<F>
}

function valueOf(name: string, flag: Flag<unknown>, given: string | undefined, before: unknown): unknown {
  if (flag.isSwitch && given === undefined) return flag.parse('', before)
  if (flag.isSwitch) throw new UsageError(`${name} takes ${flag.takes}, not "${given}"`)
  if (given === undefined) throw new UsageError(`${name} needs a value: ${flag.takes}`)
  const value = flag.parse(given, before)
  if (value !== undefined) return value
  const meant = closest(given, flag.choices ?? [])
  throw new UsageError(
    `${name} takes ${flag.takes}, not "${given}"${meant === undefined ? '' : `: did you mean ${meant}?`}`,
  )
}

function unknownFlag(given: string, command: string, flags: Flags): string {
  const meant = closest(
    given,
    [...Object.keys(flags), 'help'].map((name) => `--${name}`),
  )
  if (meant === undefined) return `unknown flag ${given}; ${known(command, flags)}`
  return `unknown flag ${given}: did you mean ${meant}? ${command} --help lists all`
}

function known(command: string, flags: Flags): string {
  return `${command} knows ${[...Object.keys(flags), 'help'].map((name) => `--${name}`).join(', ')}`
}

/** The flags as lines of a help text, as wide as the terminal and no wider than is easy to read. */
export function flagsHelp(flags: Flags, columns = helpColumns()): string {
  const rows = Object.entries(flags).map(
    ([name, { placeholder, help }]) => [`  --${name} ${placeholder}`.trimEnd(), help] as const,
  )
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  const isNarrow = columns - width < HELP_COLUMNS_MIN
  const indent = ' '.repeat(isNarrow ? 6 : width)
  return rows
    .map(([left, help]) => {
      const text = wrapped(help, columns - indent.length).join(`\n${indent}`)
      return isNarrow ? `${left}\n${indent}${text}\n` : `${left.padEnd(width)}${text}\n`
    })
    .join('')
}

function helpColumns(): number {
  return Math.min(process.stdout.columns ?? HELP_COLUMNS, HELP_COLUMNS)
}

export function listed(choices: readonly string[]): string {
  return choices.length < 2 ? choices.join('') : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
}
