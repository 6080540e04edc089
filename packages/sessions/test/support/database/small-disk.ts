/** A disk of a test's own, in memory, that is full as soon as the test wants it to be. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverUser } from './installed.ts'

export interface SmallDisk {
  readonly path: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives that room back. */
  free(): void
  /** No process may use it any more. */
  remove(): void
}

/** Why a test with such a disk is skipped; undefined where one can be had. */
export const diskMissing = whyNone()

export function smallDisk(megabytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'ninelives-disk-'))
  const ballast = join(path, 'ballast')
  const owner = serverUser === undefined ? '' : `,uid=${serverUser.uid},gid=${serverUser.gid}`
  const failure = mount(path, `size=${megabytes}m,mode=0700${owner}`)
  if (failure !== undefined) throw new Error(failure)
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a')
      // To the last page: a write that is cut short is followed by one that is refused.
      for (let bytes = 1_048_576; bytes >= 4_096;) if (!isWritten(file, bytes)) bytes /= 2
      closeSync(file)
    },
    free: () => rmSync(ballast, { force: true }),
    remove: () => unmount(path),
  }
}

function isWritten(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes)) === bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}

function whyNone(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'ninelives-disk-'))
  const failure = mount(path, 'size=1m')
  unmount(path)
  return failure
}

function mount(path: string, options: string): string | undefined {
  if (process.platform !== 'linux') return 'a small disk is a tmpfs, of Linux'
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { encoding: 'utf8' })
  if (status === 0) return undefined
  const [reason] = (stderr ?? 'there is no mount').split('\n', 1)
  return `a small disk takes root with CAP_SYS_ADMIN: ${reason}`
}

function unmount(path: string): void {
  spawnSync('umount', [path])
  rmSync(path, { recursive: true, force: true })
}
