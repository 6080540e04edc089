/** What version 1 of the protocol looks like on the wire: nodes that run a former program read these very bytes. */
import test from 'ava'
import type { SessionKey } from '../../src/contract.ts'
import { codecs } from '../../src/replication/wire/codec.ts'
import type { ReplicatedChange, Message, View } from '../../src/replication/wire/messages.ts'

const key = 'key' as SessionKey
const stamp = { view: 3, counter: 300, rank: 2 }
const change: ReplicatedChange = { key, stamp, version: 7, untilMs: 1_795_000_000_123, body: '{"김":1}' }
const fence: ReplicatedChange = { key, stamp, version: 0, untilMs: 1_795_000_000_123, body: undefined }
const view: View = { cluster: 5, number: 4, members: [{ rank: 0, incarnation: 9, role: 'joining', since: 2 }] }

const messages: readonly Message[] = [
  { type: 'heartbeat', cluster: 5, view: 300, atMs: 1.5, hears: 7, ready: true },
  { type: 'echo', cluster: 5, view: 300, atMs: 1.5 },
  { type: 'decided', view, quietMs: [12] },
  { type: 'prepare', ballot: 13, base: view, present: [1, 0] },
  { type: 'promise', ballot: 1, cluster: 5, number: 6, accepted: { ballot: 0, view }, quietMs: [0] },
  { type: 'accept', ballot: 1, cluster: 5, number: 6, view },
  { type: 'accepted', ballot: 1, cluster: 5, number: 6 },
  { type: 'invalidate', view: 1, op: 200, change },
  { type: 'ack', view: 1, op: 200 },
  { type: 'nack', view: 1, op: 200, change: fence, isCommitted: true },
  { type: 'validate', key, stamp },
  { type: 'query-commit', key, stamp },
  { type: 'touched', key, stamp, untilMs: 2 },
  { type: 'call', id: 1, verb: { verb: 'read', key } },
  { type: 'call', id: 1, verb: { verb: 'write', key, expectedVersion: 2, expiresAtMs: 5, body: 'b', ack: 'quorum' } },
  { type: 'call', id: 1, verb: { verb: 'touch', key, expiresAtMs: 6 } },
  { type: 'call', id: 1, verb: { verb: 'destroy', key, fenceUntilMs: 7, ack: 'all' } },
  { type: 'reply', id: 1, outcome: { ok: true, value: { version: 3, expiresAtMs: 9, body: 'b' } } },
  { type: 'reply', id: 1, outcome: { ok: true, value: { status: 'written', version: 9 } } },
  { type: 'reply', id: 1, outcome: { ok: false, refusal: 'busy' } },
  { type: 'fetch', view: 1, bucket: 5, digest: 1, after: 'a' },
  { type: 'page', view: 1, bucket: 2, after: '', held: [{ change, isCommitted: true }], more: true },
  { type: 'digests', view: 1, digests: Uint32Array.of(1, 2 ** 32 - 1) },
]

const frames = [
  '1300000001050000000000ac02000000000000f83f0701',
  '1100000002050000000000ac02000000000000f83f',
  '8900000003ff830000007b2274797065223a2264656369646564222c2276696577223a7b22636c7573746572223a352c226e756d626572223a342c226d656d62657273223a5b7b2272616e6b223a302c22696e6361726e6174696f6e223a392c22726f6c65223a226a6f696e696e67222c2273696e6365223a327d5d7d2c2271756965744d73223a5b31325d7d',
  '9600000004ff900000007b2274797065223a2270726570617265222c2262616c6c6f74223a31332c2262617365223a7b22636c7573746572223a352c226e756d626572223a342c226d656d62657273223a5b7b2272616e6b223a302c22696e6361726e6174696f6e223a392c22726f6c65223a226a6f696e696e67222c2273696e6365223a327d5d7d2c2270726573656e74223a5b312c305d7d',
  'c200000005ffbc0000007b2274797065223a2270726f6d697365222c2262616c6c6f74223a312c22636c7573746572223a352c226e756d626572223a362c226163636570746564223a7b2262616c6c6f74223a302c2276696577223a7b22636c7573746572223a352c226e756d626572223a342c226d656d62657273223a5b7b2272616e6b223a302c22696e6361726e6174696f6e223a392c22726f6c65223a226a6f696e696e67222c2273696e6365223a327d5d7d7d2c2271756965744d73223a5b305d7d',
  '9b00000006ff950000007b2274797065223a22616363657074222c2262616c6c6f74223a312c22636c7573746572223a352c226e756d626572223a362c2276696577223a7b22636c7573746572223a352c226e756d626572223a342c226d656d62657273223a5b7b2272616e6b223a302c22696e6361726e6174696f6e223a392c22726f6c65223a226a6f696e696e67222c2273696e6365223a327d5d7d7d',
  '3b00000007ff350000007b2274797065223a226163636570746564222c2262616c6c6f74223a312c22636c7573746572223a352c226e756d626572223a367d',
  '230000000801c801036b657903ac02020700b0e765e51e7a42ff090000007b22eab980223a317d',
  '040000000901c801',
  '160000000a01c801036b657903ac02020000b0e765e51e7a4201',
  '090000000b036b657903ac0202',
  '090000000c036b657903ac0202',
  '110000000d036b657903ac02020000000000000040',
  '080000000e0100036b657900',
  '130000000e0101036b6579020000000000001440020162',
  '0f0000000e0102036b65790000000000001840',
  '100000000e0103036b65790000000000001c4003',
  '0e0000000f01010300000000000022400162',
  '050000000f01020900',
  '040000000f010802',
  '06000000100105020161',
  '26000000110102000101036b657903ac02020700b0e765e51e7a42ff090000007b22eab980223a317d01',
  '0b00000012010201000000ffffffff',
]

test('every message has the bytes that version 1 gave it', (t) => {
  const encoded = messages.map((message) => {
    const { bytes, start, end } = codecs.get(1)?.encode(message) ?? t.fail('version 1 is spoken')
    return bytes.toString('hex', start, end)
  })
  t.deepEqual(encoded, frames)
})

const decoded = (frame: string) => codecs.get(1)?.decode(Buffer.from(frame, 'hex'), 0, frame.length / 2)

test('numbers that former programs sent beside an answer are skipped', (t) => {
  t.deepEqual(decoded('0e0100036b657904'), { type: 'call', id: 1, verb: { verb: 'read', key } })
  t.deepEqual(decoded('0f01020903'), {
    type: 'reply',
    id: 1,
    outcome: { ok: true, value: { status: 'written', version: 9 } },
  })
  t.deepEqual(decoded('0f010702'), { type: 'reply', id: 1, outcome: { ok: true, value: true } })
})
