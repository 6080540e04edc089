/** Puts files back to what was synced, from the undo logs that power.c writes. */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'

interface Undo {
  readonly offset: number
  readonly written: number
  /** The file's size before the write. */
  readonly size: number
  readonly replaced: Buffer
}

/** As `struct record` of power.c. */
const HEADER_BYTES = 32
/** A disk writes whole sectors. */
const SECTOR_BYTES = 512

/**
 * Undoes what was not synced in all files below `files`, a directory or the beginning of their paths, and returns the number of undone
 * writes. Of each file's first such write some sectors may stay: the disk was writing it.
 */
export function undoUnsynced(files: string, log: string, random: () => number): number {
  let undone = 0
  for (const file of filesBelow(files)) {
    const own = path.join(log, String(lstatSync(file).ino))
    if (!existsSync(own)) continue
    const records = recordsIn(readFileSync(own))
    rmSync(own)
    if (records.length > 0) undo(file, records, random)
    undone += records.length
  }
  return undone
}

function undo(file: string, records: readonly Undo[], random: () => number): void {
  const handle = openSync(file, 'r+')
  const [first] = records
  const torn = first === undefined ? undefined : tornPart(handle, first, random)
  for (const { offset, size, replaced } of records.toReversed()) {
    if (replaced.length > 0) writeSync(handle, replaced, 0, replaced.length, offset)
    ftruncateSync(handle, size)
  }
  if (first !== undefined && torn !== undefined) writeSync(handle, torn, 0, torn.length, first.offset)
  closeSync(handle)
}

/** The first sectors of a write; undefined if none of them stays. */
function tornPart(handle: number, { offset, written }: Undo, random: () => number): Buffer | undefined {
  const there = Math.max(0, Math.min(written, fstatSync(handle).size - offset))
  const kept = Math.floor((random() * there) / SECTOR_BYTES) * SECTOR_BYTES
  if (kept === 0) return undefined
  const bytes = Buffer.alloc(kept)
  readSync(handle, bytes, 0, kept, offset)
  return bytes
}

/** Without one that was cut off, whose write did not happen. */
function recordsIn(bytes: Buffer): readonly Undo[] {
  const records: Undo[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const [offset = 0, written = 0, size = 0, length = 0] = [0, 8, 16, 24].map((field) =>
      Number(bytes.readBigUInt64LE(at + field)),
    )
    const end = at + HEADER_BYTES + length
    if (end > bytes.length) break
    records.push({ offset, written, size, replaced: bytes.subarray(at + HEADER_BYTES, end) })
    at = end
  }
  return records
}

function filesBelow(beginning: string): readonly string[] {
  const directory = path.dirname(beginning)
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => file.startsWith(beginning))
}
