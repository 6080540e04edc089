/**
 * The operating system's facts about processes, by pid: from /proc on Linux, which is exact and cheap, elsewhere from `ps`.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

export type RunState = 'running' | 'stopped' | 'gone'

const hasProc = existsSync('/proc/self/stat')
const runFile = promisify(execFile)

/** A zombie counts as gone: it does not run and holds no socket. */
export async function runState(pid: number): Promise<RunState> {
  return toRunState(hasProc ? procFields(pid)?.state : await psState(pid))
}

function toRunState(letters: string | undefined): RunState {
  if (letters === undefined || letters === '' || 'ZXx'.includes(letters.charAt(0))) return 'gone'
  return 'Tt'.includes(letters.charAt(0)) ? 'stopped' : 'running'
}

/**
 * When this process began, in the system's unit; undefined if there is no such process. A pid may be reused, but not the pid
 * together with this.
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

/** Its parent and its command line; undefined if there is no such process. */
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
    // There is no such process.
    return undefined
  }
}

interface ProcFields {
  readonly state: string
  readonly parent: string
  readonly group: string
  /** The group in the foreground of its terminal; -1 without a terminal. */
  readonly terminalGroup: string | undefined
  readonly startTime: string
}

/** The second field of stat is the command in parentheses and may contain anything, so fields are counted from its end. */
function procFields(pid: number): ProcFields | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // The process is gone.
    return undefined
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parent, group, terminalGroup, startTime] = [fields[0], fields[1], fields[2], fields[5], fields[19]]
  if (state === undefined || parent === undefined || group === undefined || startTime === undefined) return undefined
  return { state, parent, group, terminalGroup, startTime }
}

/** Whether the process belongs to the group that its terminal gives its input to. */
export function isForeground(pid: number): boolean {
  if (hasProc) {
    const fields = procFields(pid)
    return fields !== undefined && fields.group === fields.terminalGroup
  }
  try {
    const line = execFileSync('ps', ['-o', 'pgid=,tpgid=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    const [group, terminalGroup] = line.split(/\s+/)
    return group === terminalGroup
  } catch {
    // This ps does not tell.
    return false
  }
}

/**
 * Sends the signal to the process and its descendants. False if it is gone. A signal that a process can't pass on is also sent to
 * its children with a group of their own, as PostgreSQL's have; only where /proc lists them.
 */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  const others = signal === 'SIGTERM' ? [] : childGroups(pid)
  const isThere = trySignal(-pid, signal) || trySignal(pid, signal)
  for (const child of others) trySignal(-child, signal)
  return isThere
}

function childGroups(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
    return children.filter((child) => child > 0 && procFields(child)?.group === String(child))
  } catch {
    // Not Linux, or the process is gone.
    return []
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Gone; or, on some systems, only zombies of the group are left.
    if (code === 'ESRCH' || code === 'EPERM') return false
    throw error
  }
}
