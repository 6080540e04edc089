/**
 * Numbers and texts as bytes, one after the other. A writer keeps its buffer from message to message and grows it where
 * one needs more; a reader is moved from frame to frame. A frame that ends too early or too late is malformed, which
 * `finish` reports at the latest.
 */
import { MalformedFrameError } from './frames.ts'

const BUFFER_BYTES = 64 * 1024
/** A larger buffer was needed for one large message, and is given back after it. */
const KEPT_BYTES_MAX = 1024 * 1024
const SMALL_MAX = 0x7f
const FLOAT_BYTES = 8
const WORD_BYTES = 4
const WIDE_BYTES = 6
/** The most bytes that one UTF-16 code unit becomes. */
const UNIT_BYTES_MAX = 3
/** Up to here a loop over the characters is faster than the call that does it for any text. */
const SHORT_TEXT_MAX = 48

export class ByteWriter {
  bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  at = 0

  begin(at: number): void {
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.at = at
  }

  byte(value: number): void {
    this.#reserve(1)
    this.bytes[this.at++] = value
  }

  /** A whole number from 0, in as few bytes as it takes. */
  count(value: number): void {
    this.#reserve(FLOAT_BYTES)
    let rest = value
    while (rest > SMALL_MAX) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.at++] = rest
  }

  /** Below 2 ** 48. */
  wide(value: number): void {
    this.#reserve(WIDE_BYTES)
    this.at = this.bytes.writeUIntLE(value, this.at, WIDE_BYTES)
  }

  float(value: number): void {
    this.#reserve(FLOAT_BYTES)
    this.at = this.bytes.writeDoubleLE(value, this.at)
  }

  text(text: string): void {
    if (text.length <= SHORT_TEXT_MAX && this.#ascii(text)) return
    const lengthAt = this.at
    const textAt = lengthAt + 1 + WORD_BYTES
    this.#reserve(1 + WORD_BYTES + text.length * UNIT_BYTES_MAX)
    const written = this.bytes.write(text, textAt, 'utf8')
    this.bytes[lengthAt] = LONG
    this.bytes.writeUInt32LE(written, lengthAt + 1)
    this.at = textAt + written
  }

  /** Below 2 ** 32. */
  word(value: number): void {
    this.#reserve(WORD_BYTES)
    this.at = this.bytes.writeUInt32LE(value, this.at)
  }

  /** False, and nothing written, where a character is not ASCII. */
  #ascii(text: string): boolean {
    this.#reserve(1 + SHORT_TEXT_MAX)
    const { bytes, at } = this
    bytes[at] = text.length
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit > SMALL_MAX) return false
      bytes[at + 1 + index] = unit
    }
    this.at = at + 1 + text.length
    return true
  }

  #reserve(bytes: number): void {
    if (this.bytes.length - this.at >= bytes) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + bytes))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

/** In place of a length: four bytes of it follow. */
const LONG = 0xff

export class ByteReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0

  begin(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  byte(): number {
    const at = this.#take(1)
    return this.#bytes[at] ?? 0
  }

  count(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 49; factor *= 0x80) {
      const byte = this.byte()
      value += (byte & SMALL_MAX) * factor
      if (byte <= SMALL_MAX) return value
    }
    throw new MalformedFrameError('a number that is too large')
  }

  wide(): number {
    return this.#bytes.readUIntLE(this.#take(WIDE_BYTES), WIDE_BYTES)
  }

  /** A time: NaN and Infinity are malformed. */
  float(): number {
    const value = this.#bytes.readDoubleLE(this.#take(FLOAT_BYTES))
    if (Number.isFinite(value)) return value
    throw new MalformedFrameError('a time that is none')
  }

  text(): string {
    const short = this.byte()
    const length = short === LONG ? this.#bytes.readUInt32LE(this.#take(WORD_BYTES)) : short
    const at = this.#take(length)
    return short === LONG
      ? this.#bytes.toString('utf8', at, at + length)
      : this.#bytes.toString('latin1', at, at + length)
  }

  word(): number {
    return this.#bytes.readUInt32LE(this.#take(WORD_BYTES))
  }

  finish(): void {
    if (this.#at !== this.#end) throw new MalformedFrameError('a message that is longer than what it says')
  }

  #take(bytes: number): number {
    const at = this.#at
    if (this.#end - at < bytes) throw new MalformedFrameError('a message that is cut off')
    this.#at = at + bytes
    return at
  }
}
