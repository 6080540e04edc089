/** The machine, the system and the versions behind a result. */
import { spawnSync } from 'node:child_process'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

export interface Environment {
  readonly node: string
  /** Absent in a bench without Redis. */
  readonly redis?: string
  readonly packages: Readonly<Record<string, string>>
  readonly commit: string
  /** The working tree was not the commit's. */
  readonly changed: boolean
  readonly system: string
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  /** The load average of the minute before. */
  readonly loadBefore: number
  /** Others used the machine: such figures are not to be quoted. */
  readonly busy: boolean
}

/** An idle machine's own daemons stay below. */
const BUSY_ABOVE_LOAD = 0.5

/** Call it before the bench makes a load of its own. */
export function environment(redis: string | undefined, packages: Readonly<Record<string, string>>): Environment {
  const [loadBefore = 0] = loadavg()
  return {
    node: process.version,
    ...(redis !== undefined && { redis }),
    packages,
    commit: git('rev-parse', 'HEAD') ?? 'unknown',
    changed: git('status', '--porcelain') !== '',
    system: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    loadBefore,
    busy: loadBefore > BUSY_ABOVE_LOAD,
  }
}

/** Of a machine that has not been given work yet. */
export function machineLine(): string {
  const { processor, node, busy, loadBefore } = environment(undefined, {})
  return `on      ${processor}, Node ${node}${busy ? `; the machine was busy (load ${loadBefore.toFixed(1)}): not to be quoted` : ''}`
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)) })
  return status === 0 ? stdout.toString().trim() : undefined
}
