/**
 * Marks the connections with a request in flight, one byte each, in a file that the parent shares with its workers: unlike a message,
 * what a worker wrote survives its SIGKILL. The file is unlinked once it is open, and stays in memory where /dev/shm does.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The descriptor by which a worker inherits the file. */
export const MARKS_DESCRIPTOR = 4

const IDLE = Buffer.from([0])
const BUSY = Buffer.from([1])

export class ConnectionMarks {
  readonly descriptor: number

  constructor(descriptor: number) {
    this.descriptor = descriptor
  }

  static create(): ConnectionMarks {
    return new ConnectionMarks(unnamedFile(['/dev/shm', tmpdir()]))
  }

  set(slot: number, isBusy: boolean): void {
    writeSync(this.descriptor, isBusy ? BUSY : IDLE, 0, 1, slot)
  }

  isBusy(slot: number): boolean {
    const mark = Buffer.alloc(1)
    readSync(this.descriptor, mark, 0, 1, slot)
    return mark[0] === BUSY[0]
  }

  close(): void {
    closeSync(this.descriptor)
  }
}

/** In the first directory that can be written. */
function unnamedFile(directories: readonly string[]): number {
  let reason: unknown
  for (const directory of directories) {
    try {
      const path = join(directory, `ninelives-balancer-${randomUUID()}`)
      const descriptor = openSync(path, 'wx+', 0o600)
      unlinkSync(path)
      return descriptor
    } catch (error) {
      reason = error
    }
  }
  throw new Error(`Workers need a file in ${directories.join(' or ')}, and none can be made.`, { cause: reason })
}
