/** The directory of a result, made before the first measurement: a result that can't be written need not be measured. */
import { accessSync, constants, statSync } from 'node:fs'
import { makeDirectory, UsageError } from '@ninelives/lab'

export function makeOut(out: string): void {
  try {
    makeDirectory(out)
    if (!statSync(out).isDirectory()) throw new Error('it is no directory')
    accessSync(out, constants.W_OK)
  } catch (error) {
    throw new UsageError(`can't write to ${out} (${(error as Error).message}); name another directory with --out`)
  }
}
