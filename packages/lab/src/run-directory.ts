/**
 * The directory of a run, for its trace and one log a process. By default a fresh one under `.ninelives/` in the project, where
 * the latest runs are kept.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { requireRoom, RUN_BYTES } from './disk-room.ts'
import { LabError } from './errors.ts'
import { makeDirectory, PRIVATE_FILE_MODE } from './make-directory.ts'
import { SQLITE_FILE } from './strategies.ts'
import { startMark } from './supervise/process-table.ts'

const above = fileURLToPath(new URL('../../../', import.meta.url))

/** The clone; of an installed package, the folder that it is started in. */
export const projectRoot = /[\\/]node_modules[\\/]/.test(above) ? process.cwd() : above

/** With the compile cache the next start of the same program takes half the time. */
export const compileCache = path.join(
  projectRoot,
  projectRoot === above ? 'node_modules/.cache' : '.ninelives',
  'compiled',
)

const RUNS_KEPT = 10
const RUN_NAME = /^\d{8}-\d{6}-\d+$/
const LATER_RUN = /^(beside-)?\d+-[a-z]+$/
export const TRACE_FILE = 'trace.ndjson'
const OWNER_FILE = 'lab.pid'

/** A name that sorts by time. The pid tells runs of the same second apart. */
export function runName(now: Date, pid: number): string {
  const [date = '', time = ''] = now.toISOString().split('T')
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${pid}`
}

/** Creates the given directory, or one for this run, and removes an earlier run's files from it. */
export function makeRunDirectory(run: string, named?: string): string {
  const runs = path.join(projectRoot, '.ninelives')
  const directory = named === undefined ? path.join(runs, run) : path.resolve(named)
  if (isInUse(directory))
    throw new LabError('RUN_DIRECTORY', 2, `${directory} is in use by another lab; name another with --logs DIR`)
  try {
    makeDirectory(directory)
    if (named === undefined) removeOldRuns(runs)
    removeFilesOfRun(directory)
    writeFileSync(path.join(directory, OWNER_FILE), `${process.pid} ${startMark(process.pid) ?? ''}`, {
      mode: PRIVATE_FILE_MODE,
    })
  } catch (error) {
    throw new LabError(
      'RUN_DIRECTORY',
      2,
      `can't write to ${directory} (${(error as Error).message}); name another with --logs DIR`,
    )
  }
  requireRoom(directory, RUN_BYTES, 'name another with --logs DIR')
  return directory
}

/** What to know of a directory that a later run removes; empty for one that the user named. */
export function howLongKept(directory: string): string {
  const isNamed =
    path.dirname(directory) !== path.join(projectRoot, '.ninelives') || !RUN_NAME.test(path.basename(directory))
  return isNamed ? '' : ` (the last ${RUNS_KEPT} runs are kept; --logs DIR keeps one for good)`
}

function removeOldRuns(runs: string): void {
  const old = readdirSync(runs)
    .filter((name) => RUN_NAME.test(name))
    .sort()
    .slice(0, -RUNS_KEPT)
  for (const name of old) {
    const directory = path.join(runs, name)
    if (!isInUse(directory)) rmSync(directory, { recursive: true, force: true })
  }
}

function isInUse(directory: string): boolean {
  const owner = path.join(directory, OWNER_FILE)
  if (!existsSync(owner)) return false
  const [pid, ...mark] = readFileSync(owner, 'utf8').split(' ')
  return startMark(Number(pid)) === mark.join(' ')
}

/** Removes only files that a run writes, as the user may have named a directory with other files. */
function removeFilesOfRun(directory: string): void {
  for (const name of readdirSync(directory)) {
    // A later run of the same lab.
    const later = path.join(directory, name)
    if (LATER_RUN.test(name) && existsSync(path.join(later, TRACE_FILE))) rmSync(later, { recursive: true })
    if (
      name.startsWith(SQLITE_FILE) ||
      /^((trace|anomaly-[a-z-]+)\.ndjson|verdict\.json|report\.html|power\.so)$/.test(name) ||
      /^(node-[a-l]|balancer|redis|postgres|mariadb|memcached|replica|edges|users|commands)\.log(\.1)?$/.test(name)
    ) {
      rmSync(path.join(directory, name))
    }
  }
}
