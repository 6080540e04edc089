/** Packages and programs of others that the bench compares with. The packages are installed when a bench first needs them. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@ninelives/lab'
import { startChild } from './processes/children.ts'

/** Folders with a package.json and a lock file of their own. */
const FOLDERS = {
  peers: { what: 'the packages to compare with', without: 'subjects that need none of it: --help, --only' },
  report: { what: 'what draws the charts', without: 'the table and result.json need none of it' },
} as const

export type PackageFolder = keyof typeof FOLDERS

export async function installPackages(folder: PackageFolder, say: (text: string) => void): Promise<void> {
  if (changedAtMs(`../${folder}/node_modules/.package-lock.json`) >= changedAtMs(lockOf(folder))) return
  const { what, without } = FOLDERS[folder]
  say(`Installing ${what}, by npm ci in bench/${folder}; only the first time`)
  const cwd = fileURLToPath(new URL(`../${folder}`, import.meta.url))
  const npm = startChild('npm', ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(npm, 'exit')) as [number | null]
  if (code !== 0) throw new UsageError(`npm ci in bench/${folder} failed; ${without}`)
}

export function installPeers(say: (text: string) => void): Promise<void> {
  return installPackages('peers', say)
}

/** The versions that the lock files name. */
export function packageVersions(users: readonly { readonly packages: readonly string[] }[]): Record<string, string> {
  const names = [...new Set(users.flatMap(({ packages }) => packages))]
  const versions = [lockedVersions(lockOf('peers')), lockedVersions('../../package-lock.json')]
  return Object.fromEntries(
    names.map((name) => [name, versions.map((locked) => locked(name)).find((version) => version) ?? 'unknown']),
  )
}

function lockOf(folder: PackageFolder): string {
  return `../${folder}/package-lock.json`
}

function lockedVersions(path: string): (name: string) => string | undefined {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  const { packages } = JSON.parse(text) as { packages: Record<string, { version?: string }> }
  return (name) => packages[`node_modules/${name}`]?.version
}

function changedAtMs(path: string): number {
  return statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

const PROGRAM_VERSIONS = { nginx: /nginx\/(\S+)/, haproxy: /version (\S+)/ } as const

/** Undefined when it is not on the PATH. */
export function programVersion(program: keyof typeof PROGRAM_VERSIONS): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, ['-v'], { encoding: 'utf8' })
  return status === 0 ? PROGRAM_VERSIONS[program].exec(`${stdout}${stderr}`)?.[1] : undefined
}
