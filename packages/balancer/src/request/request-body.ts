/**
 * The body of a client's request, for one attempt after the other. It is not read before an attempt is connected, unless it has arrived
 * whole, as most have: then every attempt gets it at once. What one attempt got is kept for the next, up to a bound. Above the bound, or
 * where the request can't be retried, it passes through without being kept.
 */
import type { IncomingMessage } from 'node:http'

export interface BodySink {
  /** False: pause until `RequestBody.flow`. */
  write(piece: Buffer): boolean
  end(): void
}

/** Longer ones are not worth being joined. */
const TAKEN_BYTES_MAX = 16_384

export class RequestBody {
  readonly #request: IncomingMessage
  readonly #keepBytesMax: number
  #kept: Buffer[] = []
  #keptBytes = 0
  #isKept = true
  #state: 'unread' | 'reading' | 'ended' = 'unread'
  #sink: BodySink | undefined
  #taken: Buffer | undefined

  /** `keepBytesMax` 0: it is never kept. */
  constructor(request: IncomingMessage, keepBytesMax: number) {
    this.#request = request
    this.#keepBytesMax = keepBytesMax
  }

  /** Whether it can be sent from its beginning. */
  get isWhole(): boolean {
    return this.#isKept
  }

  get keptBytes(): number {
    return this.#keptBytes
  }

  /** All of it, where it was taken. */
  get taken(): Buffer | undefined {
    return this.#taken
  }

  /** If all of it is here. */
  take(): void {
    const { readableLength, headers } = this.#request
    if (readableLength > TAKEN_BYTES_MAX || readableLength !== Number(headers['content-length'])) return
    const piece = this.#request.read() as Buffer
    this.#taken = piece
    this.#keptBytes = piece.length
    this.#state = 'ended'
  }

  sendTo(sink: BodySink): void {
    this.#sink = sink
    let flows = true
    for (const piece of this.#kept) flows = sink.write(piece)
    if (this.#state === 'ended') return sink.end()
    if (this.#state === 'unread') this.#read()
    else if (flows) this.#request.resume()
  }

  /** The sink takes more. */
  flow(): void {
    if (this.#state === 'reading') this.#request.resume()
  }

  /** The sink is gone. What the client sends from now on waits for the next sink. */
  hold(): void {
    this.#sink = undefined
    if (this.#state === 'reading') this.#request.pause()
  }

  /** There will be no other sink. */
  forget(): void {
    this.#taken = undefined
    this.#kept = []
    this.#isKept = false
  }

  #read(): void {
    this.#state = 'reading'
    this.#request.on('data', (piece: Buffer) => this.#piece(piece))
    this.#request.on('end', () => {
      this.#state = 'ended'
      this.#sink?.end()
    })
  }

  #piece(piece: Buffer): void {
    if (this.#isKept) this.#keep(piece)
    if (this.#sink?.write(piece) === false) this.#request.pause()
  }

  #keep(piece: Buffer): void {
    this.#keptBytes += piece.length
    if (this.#keptBytes <= this.#keepBytesMax) this.#kept.push(piece)
    else this.forget()
  }
}
