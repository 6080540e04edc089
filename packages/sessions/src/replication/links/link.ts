/**
 * One connection to another node, from its first byte to its end: the handshake, then frames both ways. A violation of the
 * protocol ends the link; nothing is repaired within it. So its user sees one stream in order, or its end.
 */
import type { Socket } from 'node:net'
import type { RandomBytes } from '../../secrets/id.ts'
import { FRAME_BYTES_MAX, frameReader, type FrameReader, HEADER_BYTES, MalformedFrameError } from '../wire/frames.ts'
import {
  HANDSHAKE_FRAME_BYTES_MAX,
  handshake,
  type Handshake,
  type Identity,
  type HandshakeRefusal,
  type HandshakeRole,
} from './handshake.ts'
import { outbox, type Outbox } from './outbox.ts'

export type LinkEnd =
  | { readonly kind: 'lost'; readonly line: string }
  | { readonly kind: 'malformed'; readonly line: string }
  | { readonly kind: 'overflow'; readonly line: string }
  | LinkRefusal

export interface LinkRefusal {
  readonly kind: 'refused'
  /** By this node, or by the other. */
  readonly by: 'us' | 'them'
  readonly refusal: HandshakeRefusal
}

export interface LinkOptions {
  readonly socket: Socket
  readonly role: HandshakeRole
  readonly self: Identity
  readonly secret: string | undefined
  readonly random: RandomBytes
  /** The reason to refuse the peer, if any: asked once the peer has proven itself, by the dialler before its own proof. */
  readonly objection: (peer: Identity) => HandshakeRefusal | undefined
  readonly onUp: (link: Link, peer: Identity) => void
  /** The bytes are valid during the call only; what it throws as MalformedFrameError ends the link. */
  readonly onFrame: (link: Link, bytes: Buffer, start: number, end: number) => void
  /** Once, and the last. */
  readonly onEnd: (link: Link, why: LinkEnd) => void
}

const HANDSHAKE_MS = 2_000
/** Time for the other to read the refusal. */
const FAREWELL_MS = 500

export class Link {
  readonly socket: Socket
  readonly outbox: Outbox
  /** When the last byte came in, on the clock of `performance.now()`. */
  heardAtMs = performance.now()
  /** The other node; undefined until it has proven its identity. */
  peer: Identity | undefined
  /** Of the protocol, as agreed. */
  version = 0
  readonly #options: LinkOptions
  readonly #shake: Handshake
  readonly #reader: FrameReader
  readonly #deadline: NodeJS.Timeout
  #ended = false
  #error: Error | undefined

  constructor(options: LinkOptions) {
    const { socket, role, self, secret, random, objection } = options
    this.socket = socket
    this.outbox = outbox(socket)
    this.#options = options
    this.#shake = handshake({ self, secret, role, random, ...(role === 'dialler' ? { objection } : {}) })
    this.#reader = frameReader(HANDSHAKE_FRAME_BYTES_MAX, (bytes, start, end) => this.#take(bytes, start, end))
    const late = (): void => this.end({ kind: 'lost', line: `no handshake within ${HANDSHAKE_MS} ms` })
    this.#deadline = setTimeout(late, HANDSHAKE_MS).unref()
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => (this.#error = error))
    socket.on('close', () => this.end(closed(this.#error)))
    if (role === 'dialler') socket.write(framed(this.#shake.begin()))
  }

  end(why: LinkEnd): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#deadline)
    this.#reader.stopped = true
    if (why.kind === 'refused') setTimeout(() => this.socket.destroy(), FAREWELL_MS).unref()
    else this.socket.destroy()
    this.#options.onEnd(this, why)
  }

  #read(chunk: Buffer): void {
    this.heardAtMs = performance.now()
    try {
      this.#reader.take(chunk)
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error
      this.end({ kind: 'malformed', line: error.message })
    }
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (this.peer === undefined) this.#greet(bytes.subarray(start, end))
    else this.#options.onFrame(this, bytes, start, end)
  }

  #greet(frame: Buffer): void {
    const step = this.#shake.take(frame)
    switch (step.next) {
      case 'send':
        this.socket.write(framed(step.send))
        break
      case 'refuse':
        this.#refuse(step.refusal)
        break
      case 'refused':
        this.socket.end()
        this.end({ kind: 'refused', by: 'them', refusal: step.refusal })
        break
      case 'proven':
        this.#decide(step.peer, step.version)
        break
      default:
        step satisfies never
    }
  }

  #decide(peer: Identity, version: number): void {
    if (this.#options.role === 'dialled') {
      const refusal = this.#options.objection(peer)
      if (refusal !== undefined) return this.#refuse(refusal)
      this.socket.write(framed(this.#shake.welcome()))
    }
    clearTimeout(this.#deadline)
    this.peer = peer
    this.version = version
    this.#reader.bytesMax = FRAME_BYTES_MAX
    this.#options.onUp(this, peer)
  }

  #refuse(refusal: HandshakeRefusal): void {
    this.socket.end(framed(this.#shake.refuse(refusal)))
    this.end({ kind: 'refused', by: 'us', refusal })
  }
}

/** What went wrong in TLS is no matter of the network: the two were told different secrets, or trust another authority. */
function closed(error: (Error & { code?: string; reason?: string }) | undefined): LinkEnd {
  if (error?.code === undefined) return { kind: 'lost', line: error?.message ?? 'it closed the connection' }
  if (!/SSL|CERT|SIGNATURE|EPROTO/.test(error.code)) return { kind: 'lost', line: error.message }
  const line = `no TLS with the same secret or authority (${error.reason ?? error.code})`
  return { kind: 'refused', by: 'them', refusal: { code: 'secret', line } }
}

function framed(payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  bytes.writeUInt32LE(payload.length)
  payload.copy(bytes, HEADER_BYTES)
  return bytes
}

/** Why there is no link to a node, in a line for a person. */
export function apart(name: string, at: string, why: LinkEnd): string {
  const where = name === at ? name : `${name} at ${at}`
  if (why.kind === 'refused') return `${why.by === 'us' ? 'refused' : 'refused by'} ${where}: ${why.refusal.line}`
  return `${where} is not reached: ${why.line}`
}

export function reason(why: LinkEnd): string {
  return why.kind === 'refused' ? why.refusal.line : why.line
}
