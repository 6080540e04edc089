/**
 * Runs a command of the user's by a shell. What it starts in the background outlives it, so nothing of what it writes
 * goes through a pipe that ends with the lab: it writes into `commands.log`.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { signalGroup } from '../supervise/process-table.ts'
import type { Warden } from '../supervise/warden.ts'

export interface ShellOptions {
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly warden: Warden
}

/** What a command is told, as variables of its environment. */
export interface Told {
  readonly fault: number
  readonly kind: string
  readonly target?: string
}

const COMMAND_DEADLINE_MS = 30_000
const SHELL = '/bin/sh'

export class Shell {
  readonly #options: ShellOptions
  readonly #log: string

  constructor(options: ShellOptions) {
    this.#options = options
    this.#log = path.join(options.directory, 'commands.log')
  }

  /** Resolves undefined when it exited with 0, else with what happened. It ends by force after a while, or with the signal. */
  async run(command: string, { fault, kind, target }: Told, signal?: AbortSignal): Promise<string | undefined> {
    const { environment, warden } = this.#options
    const log = openSync(this.#log, 'a')
    const from = statSync(this.#log).size
    const told = {
      NINELIVES_FAULT: String(fault),
      NINELIVES_KIND: kind,
      ...(target === undefined ? {} : { NINELIVES_TARGET: target }),
    }
    const child = spawn(SHELL, ['-c', command], {
      detached: true,
      env: { ...environment, ...told },
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
    return failure === undefined ? undefined : `${failure}${this.#lastWords(from)}`
  }

  #lastWords(from: number): string {
    const lines = readFileSync(this.#log).subarray(from).toString('utf8').trim().split('\n')
    const last = lines.at(-1)?.trim() ?? ''
    return last === '' ? '' : `: ${last}`
  }
}

function endOf(code: number | null, by: NodeJS.Signals | null, wasCut: boolean): string {
  if (wasCut) return `the command was ended after ${COMMAND_DEADLINE_MS / 1_000} s at most`
  return by === null ? `the command exited with ${code}` : `the command was ended by ${by}`
}
