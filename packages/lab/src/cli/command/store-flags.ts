/** The flags that choose a store in place of the strategy's own, for commands that start a cluster. */
import { readFileSync } from 'node:fs'
import { type Config, withoutPassword } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { type Database, DATABASES } from '../../strategies.ts'
import { type Flag, type FlagValues, listed, textFlag } from './flags.ts'

export const databaseFlag: Flag<Database | undefined> = {
  placeholder: 'NAME',
  help: `the database of a strategy that is over one, ${listed(DATABASES)} ($DATABASE_URL, or sqlite)`,
  otherwise: undefined,
  takes: listed(DATABASES),
  parse: (value) => DATABASES.find((each) => each === value),
}

export const storeFlags = {
  database: databaseFlag,
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

/** Undefined for the strategy's own store. Throws UsageError if both flags are given, or if the module can't be used. */
export function storeOf(flags: FlagValues<typeof storeFlags>, config: Config): string | undefined {
  const { store, 'store-file': file, database } = flags
  if (database !== undefined && (store ?? file) !== undefined) {
    throw new UsageError('--database is part of a strategy, which --store and --store-file replace: give one')
  }
  if (store !== undefined && file !== undefined) {
    throw new UsageError('--store and --store-file are two stores: give one')
  }
  if (file !== undefined) return readStore(file)
  if (store !== undefined && withoutPassword(store) !== store) warn()
  return store ?? (database === undefined ? config.storeUrl : undefined)
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
