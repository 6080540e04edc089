/** Database servers on this machine: where their programs are, and as which user they run. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The path of a program on the PATH, or in one of these directories, in which a `*` stands for a version. */
export function programPath(program: string, directories: readonly string[] = []): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(':')
  return [...onPath, ...directories.flatMap(withVersions)].map((each) => join(each, program)).find(existsSync)
}

/** The highest version first. */
function withVersions(directory: string): string[] {
  const [before = '', after] = directory.split('*')
  if (after === undefined || !existsSync(before)) return [directory]
  const versions = readdirSync(before).sort((one, other) => Number(other) - Number(one))
  return versions.map((version) => join(before, version, after))
}

/** The servers refuse to run as root: then they run as a user without rights. */
export const serverUser: { readonly uid: number; readonly gid: number } | undefined =
  process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined

function idOf(option: string): number {
  return Number(spawnSync('id', [option, 'nobody'], { encoding: 'utf8' }).stdout)
}

/** Undefined if the program is there; else why a test is skipped. With CI=true that is a failure instead. */
export function missing(path: string | undefined, program: string, aptPackage: string): string | undefined {
  if (path !== undefined) return undefined
  const hint = `${program} is not installed (Debian: 'apt-get install ${aptPackage}')`
  if (process.env['CI'] === 'true') throw new Error(hint)
  return hint
}

/** The process and its children; PostgreSQL's are in process groups of their own. */
export function processTree(pid: number): number[] {
  const lines = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  return [pid, ...pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []))]
}

/** A process that has ended meanwhile is no error. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const each of processTree(pid)) {
    try {
      process.kill(each, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
