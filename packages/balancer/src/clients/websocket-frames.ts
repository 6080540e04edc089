/**
 * Finds where a WebSocket's frames begin and end (RFC 6455, section 5.2), and makes the one frame that the balancer writes itself. Only
 * headers are read. A Close may stand between any two frames; inside a frame it would be payload.
 */

/** Reconnect at once: the node is gone or leaves, and another takes over. */
export const SERVICE_RESTART = 1012
/** The balancer itself is about to stop. */
export const GOING_AWAY = 1001

export type CloseCode = typeof SERVICE_RESTART | typeof GOING_AWAY

const OPCODE_CLOSE = 0x8
const FIN = 0x80
const MASKED = 0x80
const HEADER_BYTES_MAX = 14
const FIRST_BYTES = 2
const MASK_BYTES = 4

/** From a server to a client, so without a mask. */
export function closeFrame(code: CloseCode, reason: string): Buffer {
  const text = Buffer.from(reason)
  const head = Buffer.from([FIN | OPCODE_CLOSE, 2 + text.length, code >> 8, code & 0xff])
  return Buffer.concat([head, text])
}

export class FrameTracker {
  readonly #header = Buffer.alloc(HEADER_BYTES_MAX)
  #have = 0
  #need = FIRST_BYTES
  #payloadLeft = 0
  #closing = false

  /** Whether what passed so far ends with a whole frame. */
  get between(): boolean {
    return this.#have === 0 && this.#payloadLeft === 0
  }

  /** Whether a Close has passed, after which nothing more may. */
  get closing(): boolean {
    return this.#closing
  }

  /** Follows the bytes that pass. Returns where the first frame in them ends, or -1. */
  pass(chunk: Buffer): number {
    let firstEnd = -1
    let at = 0
    while (at < chunk.length) {
      at = this.#payloadLeft > 0 ? this.#skipPayload(chunk, at) : this.#readHeader(chunk, at)
      if (firstEnd === -1 && this.between) firstEnd = at
    }
    return firstEnd
  }

  #skipPayload(chunk: Buffer, at: number): number {
    const bytes = Math.min(this.#payloadLeft, chunk.length - at)
    this.#payloadLeft -= bytes
    return at + bytes
  }

  #readHeader(chunk: Buffer, at: number): number {
    const bytes = Math.min(this.#need - this.#have, chunk.length - at)
    chunk.copy(this.#header, this.#have, at, at + bytes)
    this.#have += bytes
    if (this.#have === FIRST_BYTES) this.#need = headerBytes(this.#header)
    if (this.#have === this.#need) {
      this.#payloadLeft = payloadBytes(this.#header)
      if ((this.#header.readUInt8(0) & 0xf) === OPCODE_CLOSE) this.#closing = true
      this.#have = 0
      this.#need = FIRST_BYTES
    }
    return at + bytes
  }
}

function headerBytes(header: Buffer): number {
  const second = header.readUInt8(1)
  const length = second & 0x7f
  const extended = length === 127 ? 8 : length === 126 ? 2 : 0
  return FIRST_BYTES + extended + (second & MASKED ? MASK_BYTES : 0)
}

function payloadBytes(header: Buffer): number {
  const length = header.readUInt8(1) & 0x7f
  if (length === 126) return header.readUInt16BE(2)
  // No connection lasts for more than 2^53 bytes.
  return length === 127 ? header.readUInt32BE(2) * 2 ** 32 + header.readUInt32BE(6) : length
}
