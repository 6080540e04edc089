/** The flags that the benches share, over the lab's. */
import { join, resolve } from 'node:path'
import { type Flag, integerFlag, listed, textFlag } from '@ninelives/lab'

const COUNT_MAX = 999_999

export function countFlag<T extends number | undefined>(help: string, otherwise: T, max = COUNT_MAX): Flag<T | number> {
  return integerFlag({ min: 1, max }, { placeholder: 'N', help, otherwise })
}

/** Some of the names, separated by commas. */
export function namesFlag(names: readonly string[], help: string): Flag<readonly string[] | undefined> {
  return {
    placeholder: 'A,B',
    help,
    otherwise: undefined,
    takes: `one or more of ${listed(names)}`,
    parse(value) {
      const asked = [...new Set(value.split(',').map((name) => name.trim()))]
      return asked.every((name) => names.includes(name)) ? asked : undefined
    },
  }
}

export const seedFlag = countFlag(
  'of orders, phases and intervals (default: a random one, which the result names)',
  1 + Math.floor(Math.random() * COUNT_MAX),
)

export const outFlag = textFlag('a directory', {
  placeholder: 'DIR',
  help: 'where the result goes (default .ninelives/bench/<time>)',
  otherwise: undefined,
})

export function outDirectory(value: string | undefined, now: Date): string {
  return resolve(value ?? join('.ninelives', 'bench', now.toISOString().replaceAll(/[:.]/g, '-')))
}
