/**
 * Messages on a stream of bytes: four bytes of length, then the content. A frame that is whole in one chunk is handed on in
 * place. A frame in several chunks is put together in a buffer of exactly its length, so that it is copied once; `bytesMax`
 * bounds what an unknown client can make this node allocate.
 */
export class MalformedFrameError extends Error {
  override readonly name = 'MalformedFrameError'
  readonly code = 'MALFORMED_FRAME'
}

export const HEADER_BYTES = 4
/** Room for the largest session beside its record, or a share of a snapshot. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024

/** The bytes from `start` to `end` are valid during the call only. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => void

export interface FrameReader {
  /** Throws MalformedFrameError for a length that is none, and what `onFrame` throws. */
  take(chunk: Buffer): void
  /** Of the frames from now on. */
  bytesMax: number
  /** Once true, everything else that arrives is ignored. */
  stopped: boolean
}

export function frameReader(bytesMax: number, onFrame: OnFrame): FrameReader {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerFilled = 0
  let frame: Buffer | undefined
  let frameFilled = 0

  const checked = (length: number): number => {
    if (length === 0 || length > reader.bytesMax)
      throw new MalformedFrameError(`a frame of ${length} bytes, where 1 to ${reader.bytesMax} are taken`)
    return length
  }

  /** Continues an unfinished frame, and returns where it stopped. */
  const resume = (chunk: Buffer): number => {
    let at = 0
    if (frame === undefined) {
      at = chunk.copy(header, headerFilled)
      headerFilled += at
      if (headerFilled < HEADER_BYTES) return at
      frame = Buffer.allocUnsafe(checked(header.readUInt32LE()))
      frameFilled = 0
      headerFilled = 0
    }
    const copied = chunk.copy(frame, frameFilled, at)
    frameFilled += copied
    if (frameFilled < frame.length) return at + copied
    const whole = frame
    frame = undefined
    onFrame(whole, 0, whole.length)
    return at + copied
  }

  const reader: FrameReader = {
    bytesMax,
    stopped: false,

    take(chunk) {
      let at = frame === undefined && headerFilled === 0 ? 0 : resume(chunk)
      while (!reader.stopped && chunk.length - at >= HEADER_BYTES) {
        const length = checked(chunk.readUInt32LE(at))
        const start = at + HEADER_BYTES
        if (chunk.length - start < length) break
        at = start + length
        onFrame(chunk, start, at)
      }
      if (!reader.stopped && at < chunk.length) resume(chunk.subarray(at))
    },
  }
  return reader
}

/** One frame with its header. The receiver copies it before it returns. */
export interface Frame {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}
