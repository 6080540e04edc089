import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { settles } from '../wait.ts'

const program = fileURLToPath(new URL('warden-main.ts', import.meta.url))
const REPLACE_AFTER_MS = 100
const CLOSE_WAIT_MS = 2_000

/** The lab's side of the warden: keeps one alive, and sends it the processes to end when the lab is killed. */
export class Warden {
  readonly #pids = new Set<number>()
  #process: ChildProcess | undefined
  #replacement: NodeJS.Timeout | undefined
  #closed = false

  constructor() {
    this.#start()
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  watch(pid: number): void {
    this.#pids.add(pid)
    this.#send(`+${pid}\n`)
  }

  forget(pid: number): void {
    this.#pids.delete(pid)
    this.#send(`-${pid}\n`)
  }

  /** Closing the pipe ends the warden, whose list should be empty by now. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#replacement)
    const warden = this.#process
    if (warden === undefined) return
    const gone = new Promise((resolve) => warden.once('exit', resolve))
    warden.stdin?.end()
    if (!(await settles(gone, CLOSE_WAIT_MS))) warden.kill('SIGKILL')
  }

  #start(): void {
    // In a session of its own, so that signals to the lab's process group or terminal don't reach it.
    const warden = spawn(process.execPath, [program], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#process = warden
    // The warden just died; its exit event follows and starts another.
    warden.stdin.on('error', () => undefined)
    warden.once('error', () => this.#replace())
    warden.once('exit', () => this.#replace())
    for (const pid of this.#pids) this.#send(`+${pid}\n`)
  }

  #replace(): void {
    this.#process = undefined
    if (this.#closed) return
    clearTimeout(this.#replacement)
    this.#replacement = setTimeout(() => this.#start(), REPLACE_AFTER_MS)
  }

  #send(line: string): void {
    this.#process?.stdin?.write(line)
  }
}
