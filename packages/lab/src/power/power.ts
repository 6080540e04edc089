/**
 * What happens to the files of a store. Loss of power: the processes are killed at once, and the files are put back to what was synced. A full
 * disk: what the processes write is refused.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findOnPath } from '../cluster/servers/find-program.ts'
import { EXIT_BAD_INPUT, LabError } from '../errors.ts'
import { undoUnsynced } from './undo.ts'

const SOURCE = fileURLToPath(new URL('power.c', import.meta.url))
const COMPILERS = ['cc', 'gcc', 'clang']
const GONE_WAIT_MS = 5_000
const POLL_MS = 2
/** For a pause without the event loop, so that nothing is started meanwhile. */
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Why the writes of a store can't pass through the lab on this machine; undefined if they can. */
export function whyNoPower(searchPath: string): string | undefined {
  if (process.platform !== 'linux') return 'it sees writes by LD_PRELOAD, of Linux'
  if (compiler(searchPath) !== undefined) return undefined
  return 'it needs a C compiler on the PATH (apt-get install gcc)'
}

export class Power {
  /** The beginning of the paths of the files that count. */
  readonly #files: string
  /** The same for the files on a disk that can be full. */
  readonly #fullFiles: string
  readonly #log: string
  /** There while the disk is full, with a byte for each write that was refused. */
  readonly #full: string
  readonly #library: string
  readonly #random: () => number

  /** Compiles the library that records writes. Throws LabError. */
  constructor({ files, fullFiles = files, directory, searchPath, random }: PowerOptions) {
    this.#files = files
    this.#fullFiles = fullFiles
    this.#full = path.join(directory, 'full-disk')
    this.#log = path.join(directory, 'power')
    this.#library = path.join(directory, 'power.so')
    this.#random = random
    rmSync(this.#log, { recursive: true, force: true })
    mkdirSync(this.#log)
    const command = compiler(searchPath) ?? 'cc'
    const args = ['-shared', '-fPIC', '-O2', '-o', this.#library, SOURCE, '-ldl']
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
    if (status !== 0) throw new LabError('NO_POWER', EXIT_BAD_INPUT, `${command} can't compile ${SOURCE}: ${stderr}`)
  }

  /** For each process that writes these files. */
  get environment(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: this.#library,
      POWER_FILES: this.#files,
      POWER_LOG: this.#log,
      POWER_FULL_FILES: this.#fullFiles,
      POWER_FULL: this.#full,
    }
  }

  /** From here on, what was written before counts as synced. */
  begin(): void {
    for (const name of readdirSync(this.#log)) rmSync(path.join(this.#log, name))
  }

  /** Kills these processes with all their children, and puts the files back. Returns the number of undone writes. */
  lose(pids: readonly number[]): number {
    const all = [...pids, ...descendants(pids)]
    for (const pid of all) kill(pid)
    const giveUpAtMs = performance.now() + GONE_WAIT_MS
    while (all.some((pid) => isRunning(pid)) && performance.now() < giveUpAtMs) Atomics.wait(sleeper, 0, 0, POLL_MS)
    return undoUnsynced(this.#files, this.#log, this.#random)
  }

  get isDiskFull(): boolean {
    return existsSync(this.#full)
  }

  fillDisk(): void {
    // Servers run as another user.
    writeFileSync(this.#full, '', { mode: 0o666 })
    chmodSync(this.#full, 0o666)
  }

  freeDisk(): void {
    rmSync(this.#full, { force: true })
  }

  refusedWrites(): number {
    return statSync(this.#full, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Call it when no process uses it any more. */
  close(): void {
    for (const made of [this.#log, this.#library, this.#full]) rmSync(made, { recursive: true, force: true })
  }
}

export interface PowerOptions {
  readonly files: string
  readonly fullFiles?: string | undefined
  /** The run's. */
  readonly directory: string
  readonly searchPath: string
  readonly random: () => number
}

function compiler(searchPath: string): string | undefined {
  return COMPILERS.map((name) => findOnPath(name, searchPath)).find((found) => found !== undefined)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Servers have children in groups of their own, which a signal to the group does not reach. */
function descendants(of: readonly number[]): readonly number[] {
  const children = Map.groupBy(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), parent: Number(statOf(Number(name))?.[1] ?? 0) })),
    ({ parent }) => parent,
  )
  const found: number[] = []
  for (const left = [...of]; left.length > 0;) {
    const own = (children.get(left.pop() ?? 0) ?? []).map(({ pid }) => pid)
    found.push(...own)
    left.push(...own)
  }
  return found
}

/** A process that its parent has not noticed to be dead runs no more. */
function isRunning(pid: number): boolean {
  const [state = 'Z'] = statOf(pid) ?? []
  return state !== 'Z' && state !== 'X'
}

/** State, parent and so on; undefined without such a process. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
