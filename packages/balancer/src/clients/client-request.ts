/** A client's request whose body may be no longer than a bound: the length of a chunked body is unknown before it has passed. */
import { IncomingMessage } from 'node:http'

export class ClientRequest extends IncomingMessage {
  #bytesLeft = Infinity
  #tooLarge: (() => void) | undefined

  /** `tooLarge` is called once, in place of the chunk that passes the bound; later chunks are dropped. */
  limitBody(bytesMax: number, tooLarge: () => void): void {
    this.#bytesLeft = bytesMax
    this.#tooLarge = tooLarge
  }

  /** Node's parser calls it with each piece of the body, and with null at its end. */
  override push(piece: Buffer | null): boolean {
    if (piece === null || this.#bytesLeft === Infinity) return super.push(piece)
    const left = this.#bytesLeft - piece.length
    this.#bytesLeft = left
    if (left >= 0) return super.push(piece)
    // The rest is dropped, but still read: a client that can't send does not read its answer.
    this.#tooLarge?.()
    this.#tooLarge = undefined
    return true
  }
}
