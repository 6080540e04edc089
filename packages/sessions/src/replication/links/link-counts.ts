/** What a node counts of its links, from its start on. */
import type { Socket } from 'node:net'

export interface LinkCounts {
  sentBytes: number
  receivedBytes: number
  malformed: number
  overflows: number
  refusals: number
  /** Connections that proved nothing and made room for others. */
  strangers: number
}

export function noCounts(): LinkCounts {
  return { sentBytes: 0, receivedBytes: 0, malformed: 0, overflows: 0, refusals: 0, strangers: 0 }
}

export function addBytes(counts: LinkCounts, socket: Socket): void {
  counts.sentBytes += socket.bytesWritten
  counts.receivedBytes += socket.bytesRead
}
