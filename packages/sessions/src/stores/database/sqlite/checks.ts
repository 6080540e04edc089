/** What of a SQLite file, its settings and its disk loses sessions, or may. */
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { type Finding, isNearlyFull, megabytes, percent } from '../../../findings.ts'
import type { SqliteLocation } from './url.ts'

/** Numbers of Linux' statfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6])
const OVER_NETWORK: ReadonlySet<number> = new Set([0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x0102_1997])
const READABLE_BY_OTHERS = 0o044

/** Only what is read at once: another process may have the lock in between. */
export function bytesUsed(database: DatabaseSync): number {
  const number = (pragma: string): number => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
  return number('page_count') * number('page_size')
}

export async function sqliteFindings(
  { path, synchronous, bytesMax }: SqliteLocation,
  bytes: number,
): Promise<Finding[]> {
  const [disk, { mode }] = await Promise.all([statfs(dirname(path)), stat(path)])
  return [durability(synchronous), fileSystem(disk.type), room(disk, bytes, bytesMax), ...rights(path, mode)]
}

function durability(synchronous: SqliteLocation['synchronous']): Finding {
  if (synchronous === 'FULL')
    return { level: 'fine', name: 'durability', line: 'an acknowledged change is on the disk (synchronous=FULL, WAL)' }
  const line = 'synchronous is NORMAL: a crash of the machine (not of a node) loses the last acknowledged changes'
  return { level: 'warning', name: 'durability', line, remedy: 'take synchronous=NORMAL out of the URL' }
}

function fileSystem(type: number): Finding {
  const name = 'file-system'
  if (IN_MEMORY.has(type)) {
    const line = 'the file is in a file system in memory: a restart of the machine loses every session'
    return { level: 'loss', name, line, remedy: 'put it on a disk' }
  }
  if (OVER_NETWORK.has(type)) {
    const line = "the file is on another machine: SQLite's WAL does not work over a network, and may be damaged"
    return { level: 'loss', name, line, remedy: 'put it on a local disk, or take a database server' }
  }
  return { level: 'fine', name, line: 'the file is on a local disk' }
}

interface Disk {
  readonly bavail: number
  readonly blocks: number
  readonly bsize: number
}

function room({ bavail, blocks, bsize }: Disk, bytes: number, bytesMax: number | undefined): Finding {
  const name = 'disk-space'
  const line = `the file has ${megabytes(bytes)}, and ${megabytes(bavail * bsize)} are free on its disk`
  if (bytesMax !== undefined && isNearlyFull(bytes, bytesMax)) {
    const full = `${line}: ${percent(bytes, bytesMax)} of bytesMax; a full database refuses logins and changes`
    return { level: 'warning', name, line: full, remedy: 'raise bytesMax, or shorten how long sessions live' }
  }
  if (!isNearlyFull(blocks - bavail, blocks)) return { level: 'fine', name, line }
  const full = `${line} (${percent(blocks - bavail, blocks)} used): on a full disk logins and changes are refused`
  return { level: 'warning', name, line: full, remedy: 'free the disk' }
}

function rights(path: string, mode: number): Finding[] {
  if ((mode & READABLE_BY_OTHERS) === 0) return []
  const line = 'other users of this machine can read the file, and with it all sessions'
  return [{ level: 'warning', name: 'file-mode', line, remedy: `chmod 600 ${path}` }]
}
