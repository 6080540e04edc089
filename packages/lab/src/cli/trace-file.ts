/** The trace that a command is given, by the path of its file. */
import { readFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { type Flags, type FlagValues, parseFlags } from './flags.ts'

export interface OfTrace<F extends Flags> {
  readonly file: string
  readonly flags: FlagValues<F>
}

/** Throws UsageError when there is not exactly one. */
export function parseOfTrace<F extends Flags>(command: string, flags: F, args: readonly string[]): OfTrace<F> | 'help' {
  const files: string[] = []
  const values = parseFlags(command, flags, args, (value) => files.push(value))
  if (values === 'help') return 'help'
  const [file, ...others] = files
  if (file === undefined || others.length > 0) {
    throw new UsageError(`${command} takes one trace, such as .ninelives/<run>/trace.ndjson; --help tells more`)
  }
  return { file, flags: values }
}

/** Throws UsageError when it can't be read. */
export function readTrace(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${(error as Error).message}`)
  }
}
