/** Reads the trace file that a command is given. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { decodeLines, NOT_JSON, type ReadTrace, type TraceEvent, type TraceProblem } from '@ninelives/history'
import { UsageError } from '../../errors.ts'
import { type Flags, type FlagValues, parseFlags } from './flags.ts'

const WHAT_IT_IS = 'a trace is a file such as .ninelives/<run>/trace.ndjson'

export interface TraceArguments<F extends Flags> {
  readonly file: string
  readonly flags: FlagValues<F>
}

/** Throws UsageError unless there is exactly one path. */
export function parseTraceArguments<F extends Flags>(
  command: string,
  flags: F,
  args: readonly string[],
): TraceArguments<F> | 'help' {
  const files: string[] = []
  const values = parseFlags(command, flags, args, (value) => files.push(value))
  if (values === 'help') return 'help'
  const [file, ...others] = files
  if (file === undefined || others.length > 0) {
    throw new UsageError(`${command} takes one trace: ${WHAT_IT_IS}; see --help`)
  }
  return { file, flags: values }
}

/** The trace that a command was given. Throws UsageError if it is no trace at all; what is wrong later in it is its `problem`. */
export function givenTrace(file: string): TraceFile {
  const trace = new TraceFile(file)
  for (const _event of trace.events) return trace
  if (trace.problem?.reason === NOT_JSON) throw new UsageError(`${file} is no trace: its first line is ${NOT_JSON}`)
  return trace
}

/** Far above any event. A longer line is no event, and must not fill the memory. */
const LINE_MAX = 16 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024

/** A trace on disk: each iteration reads the file again, and it is never in memory as a whole. */
export class TraceFile implements ReadTrace {
  readonly path: string
  #problem: TraceProblem | undefined

  /** Throws UsageError if the file can't be read. */
  constructor(file: string) {
    this.path = file
    if (!existsSync(file)) throw new UsageError(`there is no ${file}; ${WHAT_IT_IS}`)
    try {
      const found = statSync(file)
      if (found.isDirectory())
        throw new Error(`it is a directory; name the trace in it, such as ${join(file, 'trace.ndjson')}`)
      if (!found.isFile()) throw new Error('it is not a regular file, and a trace is read more than once')
      closeSync(openSync(file, 'r'))
    } catch (error) {
      throw new UsageError(`${file} can't be read: ${(error as Error).message}`)
    }
  }

  get problem(): TraceProblem | undefined {
    return this.#problem
  }

  get events(): Iterable<TraceEvent> {
    return { [Symbol.iterator]: () => this.#read() }
  }

  *#read(): Generator<TraceEvent, void> {
    let line = 1
    function* counted(lines: Iterable<string>): Generator<string, void> {
      for (const text of lines) {
        yield text
        line++
      }
    }
    try {
      this.#problem = yield* decodeLines(counted(linesOf(this.path)))
    } catch (error) {
      if (!('syscall' in (error as Error))) throw error
      this.#problem = { line, reason: `it can't be read on: ${(error as Error).message}` }
    }
  }
}

function* linesOf(file: string): Generator<string, void> {
  const descriptor = openSync(file, 'r')
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const decoder = new StringDecoder('utf8')
    let rest = ''
    for (let read = readSync(descriptor, chunk); read > 0; read = readSync(descriptor, chunk)) {
      const lines = (rest + decoder.write(chunk.subarray(0, read))).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
      if (rest.length > LINE_MAX) break
    }
    if (rest !== '') yield rest
  } finally {
    closeSync(descriptor)
  }
}
