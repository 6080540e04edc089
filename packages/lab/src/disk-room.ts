/** Said before a run begins, and not in its middle. */
import { statfsSync } from 'node:fs'
import { figure } from '@ninelives/history'
import { EXIT_BAD_INPUT, LabError } from './errors.ts'

/** A trace of some minutes, with the logs beside it. */
export const RUN_BYTES = 64 * 2 ** 20

/** Throws LabError if the disk of that directory has fewer bytes left. `remedy` completes the message. */
export function requireRoom(directory: string, bytes: number, remedy: string): void {
  const { bavail, bsize } = statfsSync(directory)
  const left = bavail * bsize
  if (left >= bytes) return
  const needed = `${megabytes(left)} MB left on its disk, and the trace of a run may need ${megabytes(bytes)}`
  throw new LabError('NO_ROOM', EXIT_BAD_INPUT, `${directory} has ${needed}: ${remedy}`)
}

function megabytes(bytes: number): string {
  return figure(Math.floor(bytes / 2 ** 20))
}
