/** An animated WebP of still pictures. The container is small, and the browser encodes the pictures, so no library is needed. */

/** A part of the picture that differs from the frame before it, as a WebP file of its own. */
export interface Frame {
  /** Even numbers: the container stores their halves. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly forMs: number
  readonly webp: Buffer
}

const RIFF_HEAD_BYTES = 12
const CHUNK_HEAD_BYTES = 8
const HAS_ANIMATION = 0b10
/** The frame replaces what lies under it, and stays. */
const WITHOUT_BLENDING = 0b10

/** It begins anew after its end. */
export function animation(width: number, height: number, frames: readonly Frame[]): Buffer {
  const extent = Buffer.alloc(10)
  extent.writeUInt8(HAS_ANIMATION, 0)
  extent.writeUIntLE(width - 1, 4, 3)
  extent.writeUIntLE(height - 1, 7, 3)
  const chunks = [chunk('VP8X', extent), chunk('ANIM', Buffer.alloc(6)), ...frames.map((frame) => frameChunk(frame))]
  const body = Buffer.concat([Buffer.from('WEBP'), ...chunks])
  return chunk('RIFF', body)
}

function frameChunk({ x, y, width, height, forMs, webp }: Frame): Buffer {
  const head = Buffer.alloc(16)
  head.writeUIntLE(x / 2, 0, 3)
  head.writeUIntLE(y / 2, 3, 3)
  head.writeUIntLE(width - 1, 6, 3)
  head.writeUIntLE(height - 1, 9, 3)
  head.writeUIntLE(forMs, 12, 3)
  head.writeUInt8(WITHOUT_BLENDING, 15)
  return chunk('ANMF', Buffer.concat([head, pictureOf(webp)]))
}

/** The chunk with the picture's data. The browser may wrap it in others, which tell of colours and extent. */
function pictureOf(webp: Buffer): Buffer {
  const found: string[] = []
  for (let at = RIFF_HEAD_BYTES; at < webp.length;) {
    const name = webp.toString('latin1', at, at + 4)
    const size = webp.readUInt32LE(at + 4)
    const end = at + CHUNK_HEAD_BYTES + size + (size % 2)
    if (name === 'VP8 ' || name === 'VP8L') return webp.subarray(at, end)
    found.push(name)
    at = end
  }
  throw new Error(`the browser made a WebP picture of the chunks ${found.join(', ')}, without VP8 or VP8L`)
}

function chunk(name: string, data: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(data.length)
  const padding = Buffer.alloc(data.length % 2)
  return Buffer.concat([Buffer.from(name), size, data, padding])
}
