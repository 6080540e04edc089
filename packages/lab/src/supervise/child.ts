import { type ChildProcess, spawn } from 'node:child_process'
import { StartError } from '../errors.ts'
import { settles } from '../wait.ts'
import { eachLine } from './lines.ts'
import { LogFile } from './log-file.ts'
import { signalGroup } from './process-table.ts'
import type { Warden } from './warden.ts'

export interface ChildSpec {
  /** Such as `node-a`; also the name of its log file. */
  readonly label: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  /** With an IPC channel a process reports when it is ready, and learns by the channel's end that the lab is gone. */
  readonly channel: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Message {
  readonly type: string
  readonly [field: string]: unknown
}

/** What all children of one lab share. */
export interface ProcessContext {
  readonly directory: string
  readonly warden: Warden
  /** Called with each line that a child wrote to stdout. */
  readonly onLine: (label: string, line: string) => void
}

const LAST_WORDS_WAIT_MS = 200
/** A process that it started may hold its output open. */
const LAST_LINES_WAIT_MS = 2_000

/** One life of one process. */
export class Child {
  readonly pid: number
  /** Resolves when the process has ended and its output has been read. */
  readonly exited: Promise<Exit>
  readonly #process: ChildProcess
  readonly #closed: Promise<unknown>
  #lastLine = ''
  #lastError = ''

  constructor(spec: ChildSpec, { directory, warden, onLine }: ProcessContext) {
    // A process group of its own, so that Ctrl-C in the terminal reaches only the lab.
    const child = spawn(spec.command, spec.args, {
      detached: true,
      env: spec.environment,
      stdio: ['ignore', 'pipe', 'pipe', ...(spec.channel ? (['ipc'] as const) : [])],
    })
    this.#process = child
    this.#closed = new Promise((resolve) => child.once('close', resolve))
    if (child.pid === undefined) {
      // Spawning failed; the event has the reason.
      child.once('error', () => undefined)
      throw new StartError(spec.label, `${spec.command} could not be run`)
    }
    this.pid = child.pid
    warden.watch(this.pid)
    this.exited = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        warden.forget(this.pid)
        // A busy lab sees the end before the last lines; they are read before the next immediate.
        void settles(this.#closed, LAST_LINES_WAIT_MS).then(() => setImmediate(resolve, { code, signal }))
      }),
    )
    // Only a message to a process that is gone gets here, as signals go through the process table.
    child.on('error', () => undefined)
    this.#gather(spec.label, directory, onLine)
  }

  #gather(label: string, directory: string, onLine: ProcessContext['onLine']): void {
    const log = new LogFile(`${directory}/${label}.log`)
    const { stdout, stderr } = this.#process
    if (stdout === null || stderr === null) return
    eachLine(stdout, (line) => {
      log.write(line)
      this.#lastLine = line
      onLine(label, line)
    })
    eachLine(stderr, (line) => {
      log.write(line)
      if (!isStackTrace(line)) this.#lastError = line
    })
  }

  onMessage(listener: (message: Message) => void): void {
    this.#process.on('message', (message) => listener(message as Message))
  }

  /** Sends a message and waits for an answer with the same `id`. False if none came in time. */
  call(message: Message, answer: string, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const child = this.#process
      const onMessage = ({ type, ...fields }: Message): void => {
        if (type === answer && fields['id'] === message['id']) done(true)
      }
      const unanswered = (): void => done(false)
      const timer = setTimeout(unanswered, withinMs)
      const done = (answered: boolean): void => {
        clearTimeout(timer)
        child.off('message', onMessage).off('exit', unanswered)
        resolve(answered)
      }
      child.on('message', onMessage).once('exit', unanswered)
      // A failed send is emitted as an error of the process, and stays unanswered.
      if (child.connected) child.send(message)
      else unanswered()
    })
  }

  signal(signal: NodeJS.Signals): boolean {
    return signalGroup(this.pid, signal)
  }

  /** The line that best explains why it ended. Resolves when all its output has been read. */
  async lastWords(): Promise<string> {
    await settles(this.#closed, LAST_WORDS_WAIT_MS)
    return this.#lastError || this.#lastLine
  }
}

/** What Node prints around the message of an uncaught error. */
function isStackTrace(line: string): boolean {
  return /^(\s|}|Node\.js v)/.test(line)
}
