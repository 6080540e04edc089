/**
 * Reads values from an environment and collects every fault, so that an operator can mend all at once. A wrong value counts as absent
 * until the faults are thrown.
 */

export interface ConfigFault {
  readonly key: string
  readonly message: string
}

/** Each line of the message is one fault and names its key. */
export class ConfigError extends Error {
  readonly code = 'CONFIG'
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ message }) => message).join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Warnings for the operator, a line each. */
export function faultsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.faults.map(({ message }) => message)
  return [error instanceof Error ? error.message : String(error)]
}

export type Environment = Readonly<Record<string, string | undefined>>

const SECRET_LENGTH_MIN = 32

export class ConfigValues {
  readonly faults: ConfigFault[] = []
  /** Every key that was read. */
  readonly asked = new Set<string>()
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  fault(key: string, got: string, takes: string): undefined {
    this.faults.push({ key, message: `${key} ${got}, but takes ${takes}.` })
  }

  /** An empty variable counts as absent: that is what compose files leave behind. */
  text(key: string): string | undefined {
    this.asked.add(key)
    const value = this.#env[key]?.trim()
    return value === '' ? undefined : value
  }

  matching(key: string, pattern: RegExp, takes: string): string | undefined {
    const value = this.text(key)
    if (value === undefined || pattern.test(value)) return value
    return this.fault(key, `is ${JSON.stringify(value)}`, takes)
  }

  integer(key: string, min: number, max: number): number | undefined {
    const value = this.text(key)
    if (value === undefined) return undefined
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= min && number <= max) return number
    return this.fault(key, `is ${JSON.stringify(value)}`, `a whole number from ${min} to ${max}`)
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.text(key)
    if (value === undefined) return undefined
    const found = choices.find((choice) => choice === value)
    return found ?? this.fault(key, `is ${JSON.stringify(value)}`, choices.join(' | '))
  }

  flag(key: string): boolean | undefined {
    const said = this.choice(key, ['true', 'false'])
    return said === undefined ? undefined : said === 'true'
  }

  secrets(key: string): readonly string[] | undefined {
    const secrets = this.text(key)?.split(',')
    const short = secrets?.find((secret) => secret.length < SECRET_LENGTH_MIN)
    if (short === undefined) return secrets
    // The length and not the value: this line ends up in logs.
    const takes = `secrets of at least ${SECRET_LENGTH_MIN} characters, separated by commas, newest first`
    return this.fault(key, `has a secret of ${short.length} characters`, takes)
  }
}
