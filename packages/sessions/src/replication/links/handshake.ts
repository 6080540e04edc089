/**
 * How two nodes come to trust each other, before the first message. The dialler sends a hello; the dialled node answers with
 * its hello and a proof; the dialler sends its proof, and is welcomed. A proof is an HMAC under the mesh's secret over both
 * hellos, each with a fresh nonce, and over the role of the prover: an overheard proof can't be used again, and no node can be
 * made to answer its own challenge. Names, incarnations and versions are in the hellos, so the proofs cover them.
 *
 * A link speaks the newest version of the protocol that both speak, so that a program that also speaks the former version
 * joins nodes that were not replaced yet. Without a common version the link is refused. Fields may be added to a hello; its
 * frame stays JSON, because it is read before anything is agreed on.
 *
 * A handshake knows no sockets: it takes frames and gives back what to do.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { RandomBytes } from '../../secrets/id.ts'

export interface SpokenVersions {
  readonly oldest: number
  readonly newest: number
}

/** What this program speaks. A new version of the messages takes the next number and goes on speaking the one before. */
export const SPOKEN: SpokenVersions = { oldest: 1, newest: 3 }

/** What a node says of itself. */
export interface Identity {
  readonly name: string
  /** Drawn at each start of the process. */
  readonly incarnation: number
  /** What all nodes must have been told alike, in words: the names, the copies. */
  readonly cluster: string
  readonly speaks: SpokenVersions
}

export type RefusalCode =
  /** Not of this protocol, or not understood. */
  | 'garbled'
  | 'version'
  | 'secret'
  /** Was configured with another cluster, or is none of its names. */
  | 'stranger'
  /** Two nodes with one name. */
  | 'duplicate'
  /** A node that reached itself. */
  | 'itself'
  /** No error: the node that refuses dials back at once. */
  | 'dial-back'

/** One line for a person, as the refusing node sees it. */
export interface HandshakeRefusal {
  readonly code: RefusalCode
  readonly line: string
}

export type HandshakeStep =
  | { readonly next: 'send'; readonly send: Buffer }
  | { readonly next: 'refuse'; readonly refusal: HandshakeRefusal }
  /** The other side refused. */
  | { readonly next: 'refused'; readonly refusal: HandshakeRefusal }
  /** The peer has proven its identity. The dialled node now sends `welcome` or `refuse`; the dialler is linked. */
  | { readonly next: 'proven'; readonly peer: Identity; readonly version: number }

export interface Handshake {
  /** What the dialler begins with. */
  begin(): Buffer
  take(frame: Buffer): HandshakeStep
  welcome(): Buffer
  refuse(refusal: HandshakeRefusal): Buffer
}

export interface HandshakeOptions {
  readonly self: Identity
  readonly secret: string | undefined
  readonly role: HandshakeRole
  readonly random: RandomBytes
  /** The dialler's check of the peer, before it proves itself. */
  readonly objection?: (peer: Identity) => HandshakeRefusal | undefined
}

export type HandshakeRole = 'dialler' | 'dialled'

/** Before the sender is known. */
export const HANDSHAKE_FRAME_BYTES_MAX = 4096

const MAGIC = 'ninelives mesh'
const NONCE_BYTES = 32
const REFUSAL_CODES: readonly string[] = [
  'garbled',
  'version',
  'secret',
  'stranger',
  'duplicate',
  'itself',
  'dial-back',
] satisfies RefusalCode[]

type Said = Record<string, unknown>

export function handshake({ self, secret, role, random, objection }: HandshakeOptions): Handshake {
  const hello = { magic: MAGIC, ...self, nonce: random(NONCE_BYTES).toString('base64url') }
  let theirs: (Identity & { readonly nonce: string }) | undefined
  let version = 0

  const proof = (of: HandshakeRole): Buffer => {
    const [dialler, dialled] = role === 'dialler' ? [hello, theirs] : [theirs, hello]
    return createHmac('sha256', secret ?? '')
      .update(JSON.stringify([MAGIC, of, canonical(dialler), canonical(dialled)]))
      .digest()
  }
  const proven = (said: Said): boolean => {
    const given = typeof said['proof'] === 'string' ? Buffer.from(said['proof'], 'base64url') : Buffer.alloc(0)
    const expected = proof(role === 'dialler' ? 'dialled' : 'dialler')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
  const wrongSecret = (): HandshakeStep =>
    refusing('secret', `${theirs?.name ?? 'a peer'} has another secret than ${self.name}`)

  /** Reads the other's hello: its identity, and whether there is a common version. */
  const meet = (said: Said): HandshakeStep | undefined => {
    theirs = parseHello(said)
    if (theirs === undefined) return refusing('garbled', `${self.name} was not greeted as a node greets`)
    version = Math.min(theirs.speaks.newest, self.speaks.newest)
    if (version >= theirs.speaks.oldest && version >= self.speaks.oldest) return undefined
    return refusing(
      'version',
      `${theirs.name} speaks ${spoken(theirs.speaks)} of the mesh's protocol, and ${self.name} ${spoken(self.speaks)}`,
    )
  }

  const takeAsDialler = (said: Said): HandshakeStep => {
    if (theirs !== undefined) {
      if (said['welcome'] === true) return { next: 'proven', peer: theirs, version }
      return refusing('garbled', `${theirs.name} neither welcomed nor refused`)
    }
    const trouble = meet(said)
    if (trouble !== undefined || theirs === undefined) return trouble as HandshakeStep
    if (!proven(said)) return wrongSecret()
    const refusal = objection?.(theirs)
    if (refusal !== undefined) return { next: 'refuse', refusal }
    return { next: 'send', send: frame({ proof: proof('dialler').toString('base64url') }) }
  }

  const takeAsDialled = (said: Said): HandshakeStep => {
    if (theirs !== undefined) return proven(said) ? { next: 'proven', peer: theirs, version } : wrongSecret()
    const trouble = meet(said)
    if (trouble !== undefined) return trouble
    return { next: 'send', send: frame({ ...hello, proof: proof('dialled').toString('base64url') }) }
  }

  return {
    begin: () => frame(hello),
    take(bytes) {
      const said = parse(bytes)
      const refusal = parseRefusal(said['refusal'])
      if (refusal !== undefined) return { next: 'refused', refusal }
      return role === 'dialler' ? takeAsDialler(said) : takeAsDialled(said)
    },
    welcome: () => frame({ welcome: true }),
    refuse: (refusal) => frame({ refusal }),
  }
}

function refusing(code: RefusalCode, line: string): HandshakeStep {
  return { next: 'refuse', refusal: { code, line } }
}

function frame(said: object): Buffer {
  return Buffer.from(JSON.stringify(said))
}

function parse(bytes: Buffer): Said {
  try {
    const said: unknown = JSON.parse(bytes.toString())
    return typeof said === 'object' && said !== null ? (said as Said) : {}
  } catch {
    // Not of this protocol: refused.
    return {}
  }
}

function parseHello(said: Said): (Identity & { readonly nonce: string }) | undefined {
  const { magic, name, incarnation, cluster, speaks, nonce } = said
  if (magic !== MAGIC || !isText(name, 32) || !isText(cluster, 1024) || !isText(nonce, 64)) return undefined
  if (!Number.isSafeInteger(incarnation) || nonce.length < NONCE_BYTES) return undefined
  const { oldest, newest } = (speaks ?? {}) as Said
  if (!Number.isSafeInteger(oldest) || !Number.isSafeInteger(newest)) return undefined
  return {
    name,
    incarnation: incarnation as number,
    cluster,
    speaks: { oldest: oldest as number, newest: newest as number },
    nonce,
  }
}

function parseRefusal(value: unknown): HandshakeRefusal | undefined {
  const { code, line } = (value ?? {}) as Said
  if (typeof code !== 'string' || !REFUSAL_CODES.includes(code) || !isText(line, 2048)) return undefined
  return { code: code as RefusalCode, line }
}

/** Printable and short: it may end up in a log before any proof. */
function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax && /^[\x20-\x7e]+$/.test(value)
}

/** Of what a proof is of; both sides must come to the same text. */
function canonical(hello: (Identity & { readonly nonce: string }) | undefined): readonly unknown[] {
  return hello === undefined
    ? []
    : [hello.name, hello.incarnation, hello.cluster, hello.speaks.oldest, hello.speaks.newest, hello.nonce]
}

function spoken({ oldest, newest }: SpokenVersions): string {
  return oldest === newest ? `version ${newest}` : `versions ${oldest} to ${newest}`
}

/** Two clusters are the same when their nodes were told the same. */
export function clusterText(names: readonly string[], copies: 'all' | number, founders?: readonly string[]): string {
  const founding = founders === undefined ? '' : `, founded by ${founders.join(', ')},`
  return `${names.join(', ')}${founding} with ${copies === 'all' ? 'every session on each' : `${copies} backups of a session`}`
}
