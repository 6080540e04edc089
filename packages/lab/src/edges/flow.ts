/**
 * One direction of one connection. Without a fault a chunk is passed on at once. Otherwise it is queued until it is due, and
 * later chunks wait behind it, as a TCP stream keeps its order. A long queue pauses the sender, as a slow network would.
 */
import type { Socket } from 'node:net'

export interface Conditions {
  readonly latencyMs: number
  readonly jitterMs: number
  readonly bytesPerSecond: number
  readonly isHeld: boolean
  readonly isDropped: boolean
  readonly isClear: boolean
  /** Called when a chunk was really delayed, held or dropped. */
  readonly touch: () => void
}

interface Waiting {
  /** Undefined for the end of the stream. */
  readonly chunk: Buffer | undefined
  readonly dueAtMs: number
}

const LINE_BYTES_MAX = 1024 * 1024
/** The burst that a bandwidth limit allows, as a share of a second's bytes. */
const SLICES_PER_SECOND = 50

export class Flow {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #conditions: () => Conditions
  readonly #random: () => number
  readonly #line: Waiting[] = []
  #lineBytes = 0
  #lastDueAtMs = 0
  #freeAtMs = 0
  #isBlocked = false
  #timer: NodeJS.Timeout | undefined
  /** Bytes were dropped, so the stream can't be used any more. */
  hasLost = false

  /** `beforeEnd` may delay the end of the stream. */
  constructor(
    source: Socket,
    sink: Socket,
    conditions: () => Conditions,
    random: () => number,
    beforeEnd: (pass: () => void) => void = (pass) => pass(),
  ) {
    this.#source = source
    this.#sink = sink
    this.#conditions = conditions
    this.#random = random
    source.on('data', (chunk: Buffer) => this.#take(chunk))
    source.on('end', () => beforeEnd(() => this.#take(undefined)))
    sink.on('drain', () => {
      this.#isBlocked = false
      this.look()
    })
    sink.on('close', () => clearTimeout(this.#timer))
  }

  /** Call it when the conditions have changed or a chunk is due. */
  look(): void {
    clearTimeout(this.#timer)
    const conditions = this.#conditions()
    while (this.#line.length > 0 && !this.#isBlocked) {
      if (conditions.isHeld) {
        conditions.touch()
        break
      }
      const waitMs = Math.max(this.#line[0]?.dueAtMs ?? 0, this.#freeAtMs) - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.look(), waitMs)
        break
      }
      this.#pass(conditions)
    }
    if (this.#lineBytes > LINE_BYTES_MAX || this.#isBlocked) this.#source.pause()
    else this.#source.resume()
  }

  #take(chunk: Buffer | undefined): void {
    const conditions = this.#conditions()
    if (conditions.isDropped) {
      this.hasLost = true
      conditions.touch()
      return
    }
    const { latencyMs, jitterMs } = conditions
    if (latencyMs > 0) conditions.touch()
    const dueAtMs = performance.now() + latencyMs + this.#random() * jitterMs
    this.#lastDueAtMs = Math.max(this.#lastDueAtMs, conditions.isClear ? 0 : dueAtMs)
    this.#line.push({ chunk, dueAtMs: this.#lastDueAtMs })
    this.#lineBytes += chunk?.length ?? 0
    this.look()
  }

  #pass({ bytesPerSecond, touch }: Conditions): void {
    const { chunk, dueAtMs } = this.#line.shift() ?? {}
    if (chunk === undefined) {
      this.#sink.end()
      return
    }
    const most = Math.max(1, Math.ceil(bytesPerSecond / SLICES_PER_SECOND))
    const slice = chunk.subarray(0, most)
    if (slice.length < chunk.length) this.#line.unshift({ chunk: chunk.subarray(most), dueAtMs: dueAtMs ?? 0 })
    this.#lineBytes -= slice.length
    if (bytesPerSecond !== Number.POSITIVE_INFINITY) {
      touch()
      this.#freeAtMs = performance.now() + (slice.length / bytesPerSecond) * 1_000
    }
    this.#isBlocked = !this.#sink.write(slice)
  }
}
