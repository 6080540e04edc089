/**
 * The frames on their way to one peer. Those of one turn of the event loop lie end to end in a slab and leave in one system
 * call. Bytes that the socket holds are never overwritten, so they are copied once. A peer that does not read may leave
 * `bytesMax` unread, and then loses its link.
 */
import type { Socket } from 'node:net'
import { FRAME_BYTES_MAX, HEADER_BYTES } from '../wire/frames.ts'

export interface Outbox {
  /** A frame with its header, which is copied. False when there is no more room: the link must end. */
  push(bytes: Buffer, start: number, end: number): boolean
  /** Sends what was pushed. */
  flush(): void
}

const SLAB_BYTES = 64 * 1024
export const QUEUE_BYTES_MAX = 4 * (FRAME_BYTES_MAX + HEADER_BYTES)

export function outbox(socket: Socket, bytesMax = QUEUE_BYTES_MAX): Outbox {
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** Of the slab, from `sent` to `filled` has not left. */
  let sent = 0
  let filled = 0
  let full: Buffer[] = []
  let fullBytes = 0

  const nextSlab = (bytes: number): void => {
    if (filled > sent) {
      full.push(slab.subarray(sent, filled))
      fullBytes += filled - sent
    }
    slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
    sent = 0
    filled = 0
  }

  return {
    push(bytes, start, end) {
      const length = end - start
      if (socket.writableLength + fullBytes + (filled - sent) + length > bytesMax) return false
      if (slab.length - filled < length) nextSlab(length)
      bytes.copy(slab, filled, start, end)
      filled += length
      return true
    },

    flush() {
      const rest = filled > sent ? slab.subarray(sent, filled) : undefined
      sent = filled
      if (full.length === 0) {
        if (rest !== undefined) socket.write(rest)
        return
      }
      socket.cork()
      for (const each of full) socket.write(each)
      if (rest !== undefined) socket.write(rest)
      socket.uncork()
      full = []
      fullBytes = 0
    },
  }
}
