import { appendFileSync, renameSync, statSync } from 'node:fs'
import { PRIVATE_FILE_MODE } from '../make-directory.ts'

const BYTES_MAX = 8 * 1024 * 1024

/**
 * The log of one process through all its incarnations. It writes synchronously, so that a dying process' last lines are there.
 * Beyond BYTES_MAX the file is renamed to `.1`, replacing an older one, and a new file begins.
 */
export class LogFile {
  readonly path: string
  #bytes: number

  constructor(path: string) {
    this.path = path
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }

  write(line: string): void {
    if (this.#bytes > BYTES_MAX) {
      renameSync(this.path, `${this.path}.1`)
      this.#bytes = 0
    }
    appendFileSync(this.path, `${line}\n`, { mode: PRIVATE_FILE_MODE })
    this.#bytes += Buffer.byteLength(line) + 1
  }
}
