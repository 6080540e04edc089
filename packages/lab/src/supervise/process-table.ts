/**
 * What the operating system says about processes by their pid. On Linux from /proc, which is exact and cheap; elsewhere
 * from `ps`.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

export type RunState = 'running' | 'stopped' | 'gone'

const hasProc = existsSync('/proc/self/stat')
const runFile = promisify(execFile)

/** A zombie counts as gone: it runs no more and holds no socket. */
export async function runState(pid: number): Promise<RunState> {
  return toRunState(hasProc ? procFields(pid)?.state : await psState(pid))
}

function toRunState(letters: string | undefined): RunState {
  if (letters === undefined || letters === '' || 'ZXx'.includes(letters.charAt(0))) return 'gone'
  return 'Tt'.includes(letters.charAt(0)) ? 'stopped' : 'running'
}

/**
 * When this process began, in whatever unit the system uses. A pid may be given to another process later; the pid and
 * this together are not. Undefined when there is no such process.
 */
export function startMark(pid: number): string | undefined {
  if (hasProc) return procFields(pid)?.startTime
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    // ps exits 1 when there is no such process.
    return undefined
  }
}

async function psState(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await runFile('ps', ['-o', 'state=', '-p', String(pid)])
    return stdout.trim()
  } catch {
    // ps exits 1 when there is no such process.
    return undefined
  }
}

/** Its parent, and the command line that it shows. Undefined when there is no such process. */
export function describe(pid: number): { readonly parent: number; readonly command: string } | undefined {
  try {
    if (hasProc) {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return { parent: Number(procFields(pid)?.parent ?? 0), command }
    }
    const line = execFileSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    const [parent = '', ...command] = line.split(/\s+/)
    return { parent: Number(parent), command: command.join(' ') }
  } catch {
    // Its directory in /proc is gone; or ps exits 1.
    return undefined
  }
}

/** The second field of stat is the command in parentheses and may hold anything, so fields are counted from its end. */
function procFields(pid: number): { state: string; parent: string; startTime: string } | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // The process is gone, and its directory with it.
    return undefined
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parent, startTime] = [fields[0], fields[1], fields[19]]
  if (state === undefined || parent === undefined || startTime === undefined) return undefined
  return { state, parent, startTime }
}

/** Sends the signal to the process and whatever it started. False when it is gone already. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  return trySignal(-pid, signal) || trySignal(pid, signal)
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Gone; or, on some systems, a group of which only what nobody has reaped is left.
    if (code === 'ESRCH' || code === 'EPERM') return false
    throw error
  }
}
