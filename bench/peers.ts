/** The packages to compare with: no business of those who only use ninelives, so they come when they are first asked for. */
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startChild } from './children.ts'
import { UsageError } from './config.ts'

const HERE = 'peers/package-lock.json'
const INSTALLED = 'peers/node_modules/.package-lock.json'

export async function installPeers(say: (text: string) => void): Promise<void> {
  if (changedAtMs(INSTALLED) >= changedAtMs(HERE)) return
  say('Installing the packages to compare with, by npm ci in bench/peers; only the first time')
  const cwd = fileURLToPath(new URL('peers', import.meta.url))
  const npm = startChild('npm', ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(npm, 'exit')) as [number | null]
  if (code !== 0) throw new UsageError('npm ci in bench/peers failed; subjects that need none of it: --help, --only')
}

/** As the lock files have them. */
export function packageVersions(names: readonly string[]): Record<string, string> {
  const versions = [lockedVersions(HERE), lockedVersions('../package-lock.json')]
  return Object.fromEntries(
    names.map((name) => [name, versions.map((locked) => locked(name)).find((version) => version) ?? 'unknown']),
  )
}

function lockedVersions(path: string): (name: string) => string | undefined {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  const { packages } = JSON.parse(text) as { packages: Record<string, { version?: string }> }
  return (name) => packages[`node_modules/${name}`]?.version
}

function changedAtMs(path: string): number {
  return statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0
}
