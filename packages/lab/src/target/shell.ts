/**
 * Runs the user's commands in a shell. Programs that they start in the background outlive the lab, so their output goes to
 * `commands.log` and not through a pipe of the lab.
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

/** A command's environment variables. */
export interface CommandVariables {
  readonly fault: number
  readonly kind: string
  readonly target?: string
}

const COMMAND_DEADLINE_MS = 30_000
/** The most that is shown of one command's output. */
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

  /** Resolves undefined after exit code 0, else to the failure. The command is killed at its deadline or by `signal`. */
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
    // Only while the command runs. Background processes that it leaves are the user's.
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

  /** The last line written after that position. */
  #lastWords(from: number): string {
    const { size } = statSync(this.#log)
    const tail = Buffer.alloc(Math.min(size - from, WORDS_BYTES_MAX))
    const log = openSync(this.#log, 'r')
    readSync(log, tail, 0, tail.length, size - tail.length)
    closeSync(log)
    const last = tail.toString('utf8').trim().split('\n').at(-1)?.trim() ?? ''
    return last === '' ? '' : `: ${visible(last)}`
  }

  /** Keeps a command that writes without end from filling the disk. */
  #keepBeginning(from: number): void {
    if (statSync(this.#log).size > from + KEPT_BYTES_MAX) truncateSync(this.#log, from + KEPT_BYTES_MAX)
  }
}

function endOf(code: number | null, by: NodeJS.Signals | null, wasCut: boolean): string {
  if (wasCut) return `the command was ended after ${COMMAND_DEADLINE_MS / 1_000} s at most`
  return by === null ? `the command exited with ${code}` : `the command was ended by ${by}`
}
