/** What a hunt has done, a line for each round, so that it can go on later. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from '../errors.ts'
import { makeDirectory, PRIVATE_FILE_MODE } from '../make-directory.ts'
import type { Outcome } from './prove-process.ts'
import type { Round } from './round.ts'

const HUNT_SCHEMA = 1

interface Header {
  readonly schema: number
  readonly seed: number
}

export interface Done extends Outcome {
  readonly round: Round
}

export class HuntLog {
  readonly seed: number
  readonly done: Done[]
  readonly #file: string

  /** Goes on with the hunt of that directory, or begins one. Throws UsageError if the directory has another one. */
  constructor(directory: string, seed: number | undefined, otherwise: () => number) {
    makeDirectory(directory)
    this.#file = path.join(directory, 'hunt.ndjson')
    const text = existsSync(this.#file) ? readFileSync(this.#file, 'utf8') : ''
    const [header, ...done] = linesOf(text)
    // A last line that was cut off stays by itself.
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.#file, '\n')
    const before = header as Header | undefined
    if (before !== undefined && before.schema !== HUNT_SCHEMA)
      throw new UsageError(
        `${this.#file} is no hunt that this version can go on with; name another directory by --logs`,
      )
    if (before !== undefined && seed !== undefined && seed !== before.seed)
      throw new UsageError(`${directory} has a hunt with seed ${before.seed}, not ${seed}: name another by --logs`)
    this.seed = before?.seed ?? seed ?? otherwise()
    this.done = done as Done[]
    if (before === undefined) this.#write({ schema: HUNT_SCHEMA, seed: this.seed })
  }

  add(done: Done): void {
    this.done.push(done)
    this.#write(done)
  }

  #write(line: Header | Done): void {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`, { mode: PRIVATE_FILE_MODE })
  }
}

/** A last line that was cut off is a round that was not finished. */
function linesOf(text: string): unknown[] {
  return text.split('\n').flatMap((line): unknown[] => {
    try {
      return [JSON.parse(line)]
    } catch {
      return []
    }
  })
}
