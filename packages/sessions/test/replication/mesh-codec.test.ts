import test from 'ava'
import type { SessionKey } from '../../src/contract.ts'
import { codecs } from '../../src/replication/wire/codec.ts'
import { HEADER_BYTES, MalformedFrameError } from '../../src/replication/wire/frames.ts'
import type { LinkMessage, ReplicatedChange, Message, View } from '../../src/replication/wire/messages.ts'

const codec = codecs.get(1)
if (codec === undefined) throw new Error('version 1 is spoken')

const key = 'abcdefghijklmnopqrstuv' as SessionKey
const stamp = { view: 3, counter: 2 ** 40 + 5, rank: 11 }
const change = (body: string): ReplicatedChange => ({ key, stamp, version: 7, untilMs: 1_795_000_000_123, body })
const fence: ReplicatedChange = { key, stamp, version: 0, untilMs: 1_795_000_000_123, body: undefined }
const view: View = {
  cluster: 2 ** 48 - 1,
  number: 4,
  members: [{ rank: 0, incarnation: 2 ** 48 - 1, role: 'joining', since: 2 }],
}
const record = { version: 3, expiresAtMs: 1_795_000_000_999, body: '{"김":"🛒"}' }

const messages: readonly LinkMessage[] = [
  { type: 'notification', text: '김영희 🛒' },
  { type: 'heartbeat', cluster: 2 ** 48 - 1, view: 300, atMs: 12_345.678, hears: 0xfff, ready: true },
  { type: 'echo', cluster: 0, view: 0, atMs: 0.001 },
  { type: 'decided', view },
  { type: 'decided', view, quietMs: [12, 0.25] },
  { type: 'prepare', ballot: 13, base: view, present: undefined },
  { type: 'prepare', ballot: 13, base: undefined, present: [1, 0, 2 ** 48 - 1] },
  { type: 'promise', ballot: 1, cluster: 5, number: 6, accepted: { ballot: 0, view }, quietMs: [0, 1_000.5] },
  { type: 'promise', ballot: 1, cluster: 5, number: 6, accepted: undefined, quietMs: [] },
  { type: 'accept', ballot: 1, cluster: 5, number: 6, view },
  { type: 'accepted', ballot: 1, cluster: 5, number: 6 },
  { type: 'invalidate', view: 127, op: 128, change: change('x'.repeat(300_000)) },
  { type: 'invalidate', view: 1, op: 2 ** 31, change: fence },
  ...['', ' ', '0', '\0\r\n', '\x7f', '\x80', 'é', '김영희 🛒 \u2028', 'x'.repeat(48), 'x'.repeat(49)].map(
    (body): Message => ({ type: 'invalidate', view: 1, op: 2, change: change(body) }),
  ),
  { type: 'ack', view: 1, op: 16_384 },
  { type: 'nack', view: 1, op: 2, change: fence, isCommitted: false },
  { type: 'validate', key, stamp },
  { type: 'query-commit', key: `~${key}` as SessionKey, stamp },
  { type: 'touched', key, stamp, untilMs: 1_795_000_000_000 },
  { type: 'call', id: 1, verb: { verb: 'read', key } },
  {
    type: 'call',
    id: 2,
    verb: { verb: 'write', key, expectedVersion: 2, expiresAtMs: 5, body: 'body', ack: 'quorum' },
  },
  { type: 'call', id: 3, verb: { verb: 'touch', key, expiresAtMs: 6 } },
  { type: 'call', id: 4, verb: { verb: 'destroy', key, fenceUntilMs: 7, ack: 'local' } },
  { type: 'reply', id: 1, outcome: { ok: true, value: undefined } },
  { type: 'reply', id: 1, outcome: { ok: true, value: record } },
  { type: 'reply', id: 1, outcome: { ok: true, value: { status: 'written', version: 9 } } },
  { type: 'reply', id: 1, outcome: { ok: true, value: { status: 'conflict', current: record } } },
  { type: 'reply', id: 1, outcome: { ok: true, value: { status: 'gone' } } },
  { type: 'reply', id: 1, outcome: { ok: true, value: true } },
  { type: 'reply', id: 1, outcome: { ok: true, value: false } },
  { type: 'reply', id: 1, outcome: { ok: false, refusal: 'closed' } },
  { type: 'fetch', view: 1, bucket: 255, digest: undefined, after: '' },
  { type: 'fetch', view: 1, bucket: 0, digest: 2 ** 32 - 1, after: key },
  { type: 'page', view: 1, bucket: 2, after: key, held: [], more: false },
  {
    type: 'page',
    view: 1,
    bucket: 2,
    after: '',
    held: [
      { change: change('one'), isCommitted: true },
      { change: fence, isCommitted: false },
    ],
    more: true,
  },
  { type: 'digests', view: 1, digests: Uint32Array.of(0, 1, 2 ** 32 - 1) },
]

test('every message is decoded as it was encoded, and its frame has the length in its header', (t) => {
  for (const message of messages) {
    const { bytes, start, end } = codec.encode(message)
    t.is(bytes.readUInt32LE(start), end - start - HEADER_BYTES)
    t.not(bytes[start + HEADER_BYTES], 0, 'which is the mark of the links')
    // What JSON can't say, an absent field, is not told apart from one that is undefined.
    t.like(codec.decode(bytes, start + HEADER_BYTES, end), JSON.parse(JSON.stringify(message)) as object)
  }
})

test('a frame that is cut off, too long or of an unknown type is malformed', (t) => {
  for (const message of messages) {
    const { bytes, start, end } = codec.encode(message)
    const frame = Buffer.from(bytes.subarray(start + HEADER_BYTES, end))
    const step = Math.max(1, Math.floor(frame.length / 60))
    for (let length = 0; length < frame.length; length += step) {
      t.throws(() => codec.decode(frame, 0, length), { instanceOf: MalformedFrameError })
    }
    const longer = Buffer.concat([frame, Buffer.from([1])])
    t.throws(() => codec.decode(longer, 0, longer.length), { instanceOf: MalformedFrameError })
  }
  t.throws(() => codec.decode(Buffer.from([99]), 0, 1), { instanceOf: MalformedFrameError })
})

/** A message of that number with a short text in it. */
function framed(kind: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([kind, text.length]), Buffer.from(text, 'latin1')])
}

test('JSON with wrong fields is malformed', (t) => {
  const sound = JSON.stringify({ type: 'decided', view })
  t.deepEqual(codec.decode(framed(3, sound), 0, 2 + sound.length), { type: 'decided', view })
  for (const [kind, text] of [
    [3, '{"type":"decided"}'],
    [3, '{"type":"decided","view":{"cluster":1,"number":99}}'],
    [3, sound.replace('"rank":0', '"rank":99')],
    [3, sound.replace('joining', 'king')],
    [3, sound.replace(/}$/, ',"quietMs":[null]}')],
    [4, '{"type":"prepare","ballot":99,"base":{}}'],
    [4, '{"type":"prepare","ballot":9999,"present":7}'],
    [5, '{"type":"promise","ballot":1,"cluster":1,"number":1}'],
    [5, '{"type":"promise","ballot":1,"cluster":1,"number":1,"quietMs":3}'],
    [6, '{"type":"accept","ballot":1}'],
    [7, '{"type":"accepted","ballot":-1,"cluster":1,"number":1}'],
    [7, 'null'],
  ] as const) {
    const frame = framed(kind, text)
    t.throws(() => codec.decode(frame, 0, frame.length), { instanceOf: MalformedFrameError }, text)
  }
})

test('a time that is not finite is malformed', (t) => {
  const { bytes, start, end } = codec.encode({ type: 'echo', cluster: 1, view: 1, atMs: Infinity })
  const frame = bytes.subarray(start + HEADER_BYTES, end)
  t.throws(() => codec.decode(frame, 0, frame.length), { instanceOf: MalformedFrameError })
})

test('any bytes are a message or malformed', (t) => {
  for (let round = 0; round < 20_000; round++) {
    const frame = Buffer.from(Array.from({ length: 1 + (round % 60) }, () => Math.floor(Math.random() * 256)))
    frame[0] = 1 + (round % 18)
    try {
      codec.decode(frame, 0, frame.length)
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) t.fail(`${frame.toString('hex')}: ${String(error)}`)
    }
  }
  t.pass()
})

test('a frame is decoded in place, within any other bytes', (t) => {
  const { bytes, start, end } = codec.encode({ type: 'ack', view: 5, op: 6 })
  const around = Buffer.concat([Buffer.alloc(100, 0xff), bytes.subarray(start, end), Buffer.alloc(100, 0xff)])
  t.deepEqual(codec.decode(around, 100 + HEADER_BYTES, 100 + end - start), { type: 'ack', view: 5, op: 6 })
})
