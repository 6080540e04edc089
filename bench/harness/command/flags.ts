/** What the command lines of the benches have in common. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from '../config.ts'

const PLAN_FLAGS = {
  quick: { type: 'boolean', default: false },
  blocks: { type: 'string' },
  seed: { type: 'string' },
  only: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

export function planFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: PLAN_FLAGS }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; --help says what there is`)
  }
}

const WHOLE_NUMBER_MAX = 999_999

export function wholeNumber(
  flag: string,
  value: string | undefined,
  otherwise: number,
  max = WHOLE_NUMBER_MAX,
): number {
  if (value === undefined) return otherwise
  const number = /^[1-9]\d{0,6}$/.test(value) ? Number(value) : Number.NaN
  if (number <= max) return number
  throw new UsageError(`${flag} is '${value}', and takes a whole number from 1 to ${max}`)
}

export function seedFrom(value: string | undefined): number {
  return wholeNumber('--seed', value, 1 + Math.floor(Math.random() * 999_999))
}

export function outDirectory(value: string | undefined, now: Date): string {
  return resolve(value ?? join('.ninelives', 'bench', now.toISOString().replaceAll(/[:.]/g, '-')))
}

/** Those that are asked for, and those without which there is nothing to compare with. */
export function chosenSubjects<T extends { readonly name: string }>(
  only: string | undefined,
  subjects: readonly T[],
  always: readonly string[],
): readonly T[] {
  if (only === undefined) return subjects
  const wanted = new Set([...always, ...only.split(',').map((name) => name.trim())])
  const unknown = [...wanted].find((name) => !subjects.some((subject) => subject.name === name))
  if (unknown !== undefined) {
    throw new UsageError(`--only is '${unknown}', and takes ${subjects.map(({ name }) => name).join(', ')}`)
  }
  return subjects.filter(({ name }) => wanted.has(name))
}
