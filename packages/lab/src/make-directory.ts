import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'

/** A run's files are readable by its user only: they have hashes of cookies, addresses, and logs. */
const PRIVATE_DIRECTORY_MODE = 0o700
export const PRIVATE_FILE_MODE = 0o600

/** Level by level, as Node's recursive mkdir never ends where the system denies that a directory exists, as /proc does. */
export function makeDirectory(directory: string): void {
  if (existsSync(directory)) return
  const parent = path.dirname(directory)
  if (parent !== directory) makeDirectory(parent)
  try {
    mkdirSync(directory, { mode: PRIVATE_DIRECTORY_MODE })
  } catch (error) {
    // Another process created it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
