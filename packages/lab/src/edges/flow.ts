/**
 * One direction of one connection. Where nothing is wrong a chunk goes straight on. Else it waits in line until it is due,
 * and as nothing overtakes in a TCP stream, what comes behind it waits as well. A sender is stopped when the line is long,
 * as it would be by a slow network.
 */
import type { Socket } from 'node:net'

export interface Conditions {
  readonly latencyMs: number
  readonly jitterMs: number
  readonly bytesPerSecond: number
  readonly isHeld: boolean
  readonly isDropped: boolean
  readonly isClear: boolean
  /** Told when something was really late, held back or dropped. */
  readonly touch: () => void
}

interface Waiting {
  /** Undefined at the end of the stream. */
  readonly chunk: Buffer | undefined
  readonly dueAtMs: number
}

const LINE_BYTES_MAX = 1024 * 1024
/** What passes at once under a limit, as a share of what passes in a second. */
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
  /** Something is missing in the stream: it can't be used any more. */
  hasLost = false

  /** `beforeEnd` may put off that the end of the stream passes. */
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

  /** Conditions have changed, or something is due. */
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
