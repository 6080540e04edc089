import test from 'ava'
import { closeFrame, FrameTracker, GOING_AWAY, SERVICE_RESTART } from '../../src/clients/websocket-frames.ts'

function frame(opcode: number, bytes: number, masked = false): Buffer {
  const length = bytes < 126 ? [bytes] : bytes < 65_536 ? [126, bytes >> 8, bytes & 0xff] : undefined
  const extended = Buffer.alloc(9)
  extended.writeUInt8(127)
  extended.writeBigUInt64BE(BigInt(bytes), 1)
  const head = Buffer.from([0x80 | opcode, ...(length ?? extended)])
  if (masked) head.writeUInt8(head.readUInt8(1) | 0x80, 1)
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), Buffer.alloc(bytes, 0x88)])
}

const STREAM = [frame(1, 0), frame(2, 5), frame(1, 126), frame(9, 125, true), frame(2, 70_000), frame(10, 300, true)]

test('the ends of frames are found however the bytes are cut', (t) => {
  const all = Buffer.concat(STREAM)
  const ends = new Set<number>()
  let total = 0
  for (const each of STREAM) ends.add((total += each.length))
  for (const size of [1, 2, 3, 7, 1_000, 65_536]) {
    const frames = new FrameTracker()
    for (let at = 0; at < all.length; at += size) {
      const chunk = all.subarray(at, at + size)
      const end = frames.pass(chunk)
      const first = [...ends].find((each) => each > at && each <= at + chunk.length)
      if (end !== (first === undefined ? -1 : first - at)) t.fail(`size ${size}, at ${at}`)
      if (frames.between !== ends.has(at + chunk.length)) t.fail(`size ${size}, at ${at}`)
    }
    t.true(frames.between)
    t.false(frames.closing)
  }
})

test('a Close is noticed, also one that is only half there', (t) => {
  const frames = new FrameTracker()
  frames.pass(frame(1, 10))
  t.false(frames.closing)
  frames.pass(closeFrame(SERVICE_RESTART, 'reconnect').subarray(0, 3))
  t.true(frames.closing)
  t.false(frames.between)
})

test('what the balancer writes is a Close with its code and reason', (t) => {
  t.deepEqual(closeFrame(SERVICE_RESTART, 'x'), Buffer.from([0x88, 3, 0x03, 0xf4, 0x78]))
  t.deepEqual(closeFrame(GOING_AWAY, ''), Buffer.from([0x88, 2, 0x03, 0xe9]))
})
