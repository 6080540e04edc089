/**
 * The names and incarnations that a node is linked to, sent to its peers whenever a link comes up. It shows when two nodes
 * have one name and each is linked to different nodes. A frame of the links' own: no message begins with its first byte.
 */
import { type Frame, HEADER_BYTES, MalformedFrameError } from '../wire/frames.ts'

export type Roster = ReadonlyMap<string, number>

export const ROSTER_MARK = 0

export function rosterFrame(roster: Roster): Frame {
  const text = JSON.stringify([...roster])
  const bytes = Buffer.alloc(HEADER_BYTES + 1 + Buffer.byteLength(text))
  bytes.writeUInt32LE(bytes.length - HEADER_BYTES)
  bytes.writeUInt8(ROSTER_MARK, HEADER_BYTES)
  bytes.write(text, HEADER_BYTES + 1)
  return { bytes, start: 0, end: bytes.length }
}

export function readRoster(bytes: Buffer, start: number, end: number): Roster {
  const text = bytes.toString('utf8', start + 1, end)
  try {
    const entries = JSON.parse(text) as [string, number][]
    return new Map(entries)
  } catch {
    throw new MalformedFrameError('a roster that is none')
  }
}
