import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'

/** Level by level: where the system says of a directory that is there that it is not, as /proc does, Node's own way has no end. */
export function makeDirectory(directory: string): void {
  if (existsSync(directory)) return
  const parent = path.dirname(directory)
  if (parent !== directory) makeDirectory(parent)
  try {
    mkdirSync(directory)
  } catch (error) {
    // Somebody was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
