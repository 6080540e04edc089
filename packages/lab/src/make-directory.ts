import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'

/** What a run writes is for its user alone: it has session cookies' hashes, addresses, and what processes logged. */
export const PRIVATE_DIRECTORY_MODE = 0o700
export const PRIVATE_FILE_MODE = 0o600

/** Level by level: where the system says of a directory that is there that it is not, as /proc does, Node's own way has no end. */
export function makeDirectory(directory: string): void {
  if (existsSync(directory)) return
  const parent = path.dirname(directory)
  if (parent !== directory) makeDirectory(parent)
  try {
    mkdirSync(directory, { mode: PRIVATE_DIRECTORY_MODE })
  } catch (error) {
    // Another process made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
