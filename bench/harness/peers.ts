/** Packages that only one side of the bench needs: no business of those who only use ninelives, so they come when first asked for. */
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startChild } from './children.ts'
import { UsageError } from './config.ts'

/** Each has a package.json and a lock file of its own. */
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

/** As the lock files have them. */
export function packageVersions(names: readonly string[]): Record<string, string> {
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
