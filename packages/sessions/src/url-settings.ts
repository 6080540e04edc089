/**
 * The settings in a store's URL: what stands after its first `?`. Each is declared with a rule, and what can't be used is refused
 * by name. A secret is never repeated; nor is an unknown name beside one, because it may be the rest of a secret with a `&` in it.
 */
import { StoreConfigError } from './errors.ts'
import { shown, WAIT_MAX_MS } from './options.ts'

/** What one setting takes. */
export interface SettingRule<Value> {
  /** Completes "x takes ...". */
  readonly takes: string
  readonly isSecret?: true
  /** Undefined for a text that it does not take. */
  read(text: string): Value | undefined
}

type SettingRules = Readonly<Record<string, SettingRule<unknown>>>

export type Settings<Rules extends SettingRules> = {
  readonly [name in keyof Rules]?: Exclude<ReturnType<Rules[name]['read']>, undefined>
}

export const setting = {
  boolean: {
    takes: 'true or false',
    read: (text) => (text === 'true' || text === 'false' ? text === 'true' : undefined),
  } as SettingRule<boolean>,
  text: { takes: 'a text', read: notEmpty } as SettingRule<string>,
  /** Also for a text that has a secret in it, like another store's URL. */
  secret: { takes: 'a text', isSecret: true, read: notEmpty } as SettingRule<string>,
  durationMs: (minMs = 1): SettingRule<number> => wholeNumber('milliseconds', minMs, WAIT_MAX_MS),
  wholeNumber: (min: number, max = Number.MAX_SAFE_INTEGER) => wholeNumber('a whole number', min, max),
  oneOf: <const Choice extends string>(...choices: readonly Choice[]): SettingRule<Choice> => ({
    takes: choices.join(', '),
    read: (text) => choices.find((choice) => choice === text),
  }),
}

/** The settings that the URL has. Throws StoreConfigError. `elsewhere` names settings that this URL does not take, with what does. */
export function settings<const Rules extends SettingRules>(
  url: string,
  rules: Rules,
  elsewhere: Readonly<Record<string, string>> = {},
): Settings<Rules> {
  const parts = partsOf(url)
  const taken = Object.keys(rules).filter((name) => !Object.hasOwn(elsewhere, name))
  const hasSecret = parts.some(([name]) => taken.includes(name) && rules[name]?.isSecret === true)
  const unknown = (name: string): string => {
    if (Object.hasOwn(elsewhere, name)) return `'${name}', which is for ${elsewhere[name]}`
    return hasSecret ? "a part that is none of these (in a secret, '&' is written %26)" : `'${name}'`
  }
  const found: Record<string, unknown> = {}
  for (const [name, text] of parts) {
    const rule = taken.includes(name) ? rules[name] : undefined
    if (rule === undefined)
      throw new StoreConfigError(`the store's URL has ${unknown(name)}, and takes ${taken.join(', ')}`)
    if (Object.hasOwn(found, name)) throw new StoreConfigError(`the store's URL has '${name}' twice`)
    found[name] = rule.read(text)
    if (found[name] === undefined) {
      const got = rule.isSecret ? 'empty' : shown(text)
      throw new StoreConfigError(`${name} in the store's URL is ${got}, and takes ${rule.takes}`)
    }
  }
  return found as Settings<Rules>
}

/** Percent escapes only: a plus stays a plus, as in a secret in base64. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new StoreConfigError("the store's URL has a '%' that is not part of an escape: write it as %25", cause)
  }
}

function partsOf(url: string): (readonly [name: string, text: string])[] {
  const [, query = ''] = /^[^?]*\?(.*)$/s.exec(url) ?? []
  const parts = query.split('&').filter((part) => part !== '')
  return parts.map((part) => {
    const equals = part.indexOf('=')
    return equals === -1 ? [part, ''] : [part.slice(0, equals), decoded(part.slice(equals + 1))]
  })
}

function notEmpty(text: string): string | undefined {
  return text === '' ? undefined : text
}

function wholeNumber(unit: string, min: number, max: number): SettingRule<number> {
  return {
    takes: max === Number.MAX_SAFE_INTEGER ? `${unit} from ${min}` : `${unit} from ${min} to ${max}`,
    read(text) {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? value : undefined
    },
  }
}
