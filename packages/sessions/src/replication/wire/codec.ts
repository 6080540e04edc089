/**
 * Messages as frames. Messages that travel with every request are packed by hand, a body once as its UTF-8; rare ones are
 * JSON. The first byte is the number of the message type, for good: a version of the protocol that changes a message gives the
 * new form a new number. A link speaks one version.
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import { type Frame, HEADER_BYTES, MalformedFrameError } from './frames.ts'
import type { LinkMessage } from './messages.ts'
import {
  packChange,
  packDigests,
  packFetch,
  packOutcome,
  packPage,
  packStamp,
  packVerb,
  unpackChange,
  unpackDigests,
  unpackFetch,
  unpackKey,
  unpackOutcome,
  unpackPage,
  unpackStamp,
  unpackVerb,
} from './packing.ts'
import { plainMessage } from './plain-messages.ts'

export interface Codec {
  /** The frame lies in a buffer of the codec's own and is gone with the next one. */
  encode(message: LinkMessage): Frame
  /** Keeps nothing of the bytes. Throws MalformedFrameError. */
  decode(bytes: Buffer, start: number, end: number): LinkMessage
}

type Type = LinkMessage['type']

/** 0 is the links' own. */
const NUMBERS: Readonly<Record<Type, number>> = {
  heartbeat: 1,
  echo: 2,
  decided: 3,
  prepare: 4,
  promise: 5,
  accept: 6,
  accepted: 7,
  invalidate: 8,
  ack: 9,
  nack: 10,
  validate: 11,
  'query-commit': 12,
  touched: 13,
  call: 14,
  reply: 15,
  fetch: 16,
  page: 17,
  digests: 18,
  notification: 19,
}
const TYPES = new Map(Object.entries(NUMBERS).map(([type, number]) => [number, type as Type]))
const writer = new ByteWriter()
const reader = new ByteReader()

const packed: Codec = {
  encode(message) {
    writer.begin(HEADER_BYTES)
    writer.byte(NUMBERS[message.type])
    pack(message)
    writer.bytes.writeUInt32LE(writer.at - HEADER_BYTES, 0)
    return { bytes: writer.bytes, start: 0, end: writer.at }
  },

  decode(bytes, start, end) {
    reader.begin(bytes, start, end)
    const type = TYPES.get(reader.byte())
    if (type === undefined) throw new MalformedFrameError('a message of an unknown kind')
    const message = unpack(type)
    reader.finish()
    return message
  },
}

/**
 * By version of the protocol. The messages of the second are those of the first, and say more: see PROTOCOL.md. The third adds the
 * notification.
 */
export const codecs: ReadonlyMap<number, Codec> = new Map([
  [1, packed],
  [2, packed],
  [3, packed],
])

function pack(message: LinkMessage): void {
  switch (message.type) {
    case 'heartbeat':
      writer.wide(message.cluster)
      writer.count(message.view)
      writer.float(message.atMs)
      writer.count(message.hears)
      writer.byte(Number(message.ready))
      break
    case 'echo':
      writer.wide(message.cluster)
      writer.count(message.view)
      writer.float(message.atMs)
      break
    case 'invalidate':
      writer.count(message.view)
      writer.count(message.op)
      packChange(writer, message.change)
      break
    case 'ack':
      writer.count(message.view)
      writer.count(message.op)
      break
    case 'nack':
      writer.count(message.view)
      writer.count(message.op)
      packChange(writer, message.change)
      writer.byte(Number(message.isCommitted))
      break
    case 'validate':
    case 'query-commit':
      writer.text(message.key)
      packStamp(writer, message.stamp)
      break
    case 'touched':
      writer.text(message.key)
      packStamp(writer, message.stamp)
      writer.float(message.untilMs)
      break
    case 'call':
      writer.count(message.id)
      packVerb(writer, message.verb)
      break
    case 'reply':
      writer.count(message.id)
      packOutcome(writer, message.outcome)
      break
    case 'fetch':
      packFetch(writer, message)
      break
    case 'page':
      packPage(writer, message)
      break
    case 'digests':
      writer.count(message.view)
      packDigests(writer, message.digests)
      break
    case 'notification':
      writer.text(message.text)
      break
    case 'decided':
    case 'prepare':
    case 'promise':
    case 'accept':
    case 'accepted':
      writer.text(JSON.stringify(message))
      break
    default:
      message satisfies never
  }
}

function unpack(type: Type): LinkMessage {
  switch (type) {
    case 'heartbeat':
      return {
        type,
        cluster: reader.wide(),
        view: reader.count(),
        atMs: reader.float(),
        hears: reader.count(),
        ready: reader.byte() === 1,
      }
    case 'echo':
      return { type, cluster: reader.wide(), view: reader.count(), atMs: reader.float() }
    case 'invalidate':
      return { type, view: reader.count(), op: reader.count(), change: unpackChange(reader) }
    case 'ack':
      return { type, view: reader.count(), op: reader.count() }
    case 'nack':
      return {
        type,
        view: reader.count(),
        op: reader.count(),
        change: unpackChange(reader),
        isCommitted: reader.byte() === 1,
      }
    case 'validate':
    case 'query-commit':
      return { type, key: unpackKey(reader), stamp: unpackStamp(reader) }
    case 'touched':
      return { type, key: unpackKey(reader), stamp: unpackStamp(reader), untilMs: reader.float() }
    case 'call':
      return { type, id: reader.count(), verb: unpackVerb(reader) }
    case 'reply':
      return { type, id: reader.count(), outcome: unpackOutcome(reader) }
    case 'fetch':
      return unpackFetch(reader)
    case 'page':
      return unpackPage(reader)
    case 'digests':
      return { type, view: reader.count(), digests: unpackDigests(reader) }
    case 'notification':
      return { type, text: reader.text() }
    case 'decided':
    case 'prepare':
    case 'promise':
    case 'accept':
    case 'accepted':
      return plainMessage(type, reader.text())
    default:
      return type satisfies never
  }
}
