/** The flags that choose a store in place of the strategy's own, for commands that start a cluster. */
import { readFileSync } from 'node:fs'
import type { Choice } from '../../cluster/choose-store.ts'
import { type Config, withoutPassword } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { type Database, DATABASES, WRITE_MODES, type WriteMode } from '../../strategies.ts'
import { type Flag, type FlagValues, listed, textFlag } from './flags.ts'

export const databaseFlag: Flag<Database | undefined> = {
  placeholder: 'NAME',
  help: `the database of a strategy that is over one, ${listed(DATABASES)} ($DATABASE_URL, or sqlite)`,
  otherwise: undefined,
  takes: listed(DATABASES),
  parse: (value) => DATABASES.find((each) => each === value),
}

const writeFlag: Flag<WriteMode | undefined> = {
  placeholder: 'HOW',
  help: `of hybrid, when a change is in the store below: ${listed(WRITE_MODES)} (through)`,
  otherwise: undefined,
  takes: listed(WRITE_MODES),
  parse: (value) => WRITE_MODES.find((each) => each === value),
}

export const storeFlags = {
  database: databaseFlag,
  write: writeFlag,
  store: textFlag<string | undefined>("a store's URL or the path of a module", {
    placeholder: 'URL',
    help: "a store's URL or the path of a module, in place of the strategy's own ($NINELIVES_STORE)",
    otherwise: undefined,
  }),
  'store-file': textFlag<string | undefined>('a file', {
    placeholder: 'FILE',
    help: 'a file with that URL, as every user of the machine can read a command line',
    otherwise: undefined,
  }),
}

export const durabilityFlag = textFlag<string | undefined>("one of its store's", {
  placeholder: 'NAME',
  help: 'what its store syncs: none, everysec, always (Redis); on, off (PostgreSQL); full, normal (SQLite)',
  otherwise: undefined,
})

const OF_FILES = ['full', 'normal']

/** Throws UsageError if the store has no such durability. */
export function withDurability(choice: Choice, durability: string | undefined): Choice {
  if (durability === undefined) return choice
  const { strategy, server, storeUrl } = choice
  const { store } = strategy
  const isFile = storeUrl === undefined && typeof store === 'object' && 'file' in store
  const known = isFile ? OF_FILES : (server?.kind.durabilities ?? [])
  if (!known.includes(durability)) {
    const takes = known.length === 0 ? 'is for a store that keeps sessions on disk' : `takes ${listed(known)}`
    throw new UsageError(`--durability of ${strategy.name} ${takes}, not "${durability}"`)
  }
  if (server !== undefined) return { ...choice, server: { ...server, durability } }
  return isFile ? { ...choice, strategy: { ...strategy, store: { ...store, durability } } } : choice
}

/** Undefined for the strategy's own store. Throws UsageError if both flags are given, or if the module can't be used. */
export function storeOf(flags: FlagValues<typeof storeFlags>, config: Config): string | undefined {
  const { store, 'store-file': file, database, write } = flags
  const part = database !== undefined ? '--database' : write !== undefined ? '--write' : undefined
  if (part !== undefined && (store ?? file) !== undefined) {
    throw new UsageError(`${part} is part of a strategy, which --store and --store-file replace: give one`)
  }
  if (store !== undefined && file !== undefined) {
    throw new UsageError('--store and --store-file are two stores: give one')
  }
  if (file !== undefined) return readStore(file)
  if (store !== undefined && withoutPassword(store) !== store) warn()
  return store ?? (part === undefined ? config.storeUrl : undefined)
}

function readStore(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new UsageError(`--store-file ${file} can't be read: ${(error as Error).message}`)
  }
  if (text === '' || text.includes('\n')) {
    throw new UsageError(`--store-file ${file} takes a file with one line, a store's URL or the path of a module`)
  }
  return text
}

function warn(): void {
  process.stderr.write(
    'ninelives: other users of this machine can read the password in --store; give the URL as NINELIVES_STORE or by --store-file\n',
  )
}
