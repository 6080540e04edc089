/**
 * Runs a command of the user's by a shell. What it starts in the background outlives it, so nothing of what it writes
 * goes through a pipe that ends with the lab: it writes into `commands.log`.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'
import { PRIVATE_FILE_MODE } from '../make-directory.ts'
import { signalGroup } from '../supervise/process-table.ts'
import type { Warden } from '../supervise/warden.ts'
import { visible } from '../terminal/visible.ts'

export interface ShellOptions {
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly warden: Warden
}

/** What a command is told, as variables of its environment. */
export interface CommandVariables {
  readonly fault: number
  readonly kind: string
  readonly target?: string
}

const COMMAND_DEADLINE_MS = 30_000
/** Of the output of one command. */
const KEPT_BYTES_MAX = 1024 * 1024
const WORDS_BYTES_MAX = 4096
const SHELL = '/bin/sh'

export class Shell {
  readonly #options: ShellOptions
  readonly #log: string

  constructor(options: ShellOptions) {
    this.#options = options
    this.#log = path.join(options.directory, 'commands.log')
  }

  /** Resolves undefined when it exited with 0, else with what happened. It ends by force after a while, or with the signal. */
  async run(
    command: string,
    { fault, kind, target }: CommandVariables,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const { environment, warden } = this.#options
    const log = openSync(this.#log, 'a', PRIVATE_FILE_MODE)
    const from = statSync(this.#log).size
    const variables = {
      NINELIVES_FAULT: String(fault),
      NINELIVES_KIND: kind,
      ...(target === undefined ? {} : { NINELIVES_TARGET: target }),
    }
    const child = spawn(SHELL, ['-c', command], {
      detached: true,
      env: { ...environment, ...variables },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const { pid } = child
    const end = new AbortController()
    const cut = AbortSignal.any([AbortSignal.timeout(COMMAND_DEADLINE_MS), ...(signal ? [signal] : [])])
    // As long as it runs. What it left behind when it ended is the user's.
    if (pid !== undefined) {
      warden.watch(pid)
      cut.addEventListener('abort', () => signalGroup(pid, 'SIGKILL'), { signal: end.signal })
      if (cut.aborted) signalGroup(pid, 'SIGKILL')
    }
    const failure = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(`${SHELL} could not be run: ${error.message}`))
      child.once('exit', (code, by) => resolve(code === 0 ? undefined : endOf(code, by, cut.aborted)))
    })
    end.abort()
    if (pid !== undefined) warden.forget(pid)
    const said = failure === undefined ? undefined : `${failure}${this.#lastWords(from)}`
    this.#keepBeginning(from)
    return said
  }

  /** Of what was written from there on. */
  #lastWords(from: number): string {
    const { size } = statSync(this.#log)
    const tail = Buffer.alloc(Math.min(size - from, WORDS_BYTES_MAX))
    const log = openSync(this.#log, 'r')
    readSync(log, tail, 0, tail.length, size - tail.length)
    closeSync(log)
    const last = tail.toString('utf8').trim().split('\n').at(-1)?.trim() ?? ''
    return last === '' ? '' : `: ${visible(last)}`
  }

  /** A command that writes without end must not fill the disk with it, twenty times over. */
  #keepBeginning(from: number): void {
    if (statSync(this.#log).size > from + KEPT_BYTES_MAX) truncateSync(this.#log, from + KEPT_BYTES_MAX)
  }
}

function endOf(code: number | null, by: NodeJS.Signals | null, wasCut: boolean): string {
  if (wasCut) return `the command was ended after ${COMMAND_DEADLINE_MS / 1_000} s at most`
  return by === null ? `the command exited with ${code}` : `the command was ended by ${by}`
}
