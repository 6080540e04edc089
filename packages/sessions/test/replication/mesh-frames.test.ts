import test from 'ava'
import { frameReader, HEADER_BYTES, MalformedFrameError } from '../../src/replication/wire/frames.ts'

function framed(...contents: Buffer[]): Buffer {
  return Buffer.concat(
    contents.flatMap((content) => {
      const header = Buffer.alloc(HEADER_BYTES)
      header.writeUInt32LE(content.length)
      return [header, content]
    }),
  )
}

test('frames come out as they went in, wherever the stream is cut', (t) => {
  const contents = [1, 2, 3, 200, 1_000].map((length, index) => Buffer.alloc(length, index + 1))
  const stream = framed(...contents)
  for (const size of [1, 2, 3, 4, 5, 7, 64, 500, stream.length]) {
    const seen: Buffer[] = []
    const reader = frameReader(1_000, (bytes, start, end) => seen.push(Buffer.from(bytes.subarray(start, end))))
    for (let at = 0; at < stream.length; at += size) reader.take(stream.subarray(at, at + size))
    t.deepEqual(seen, contents, `in pieces of ${size}`)
  }
})

test('a frame of no bytes, or of more than are taken, is malformed as soon as its length is read', (t) => {
  for (const length of [0, 1_001, 0xffffffff]) {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(length)
    const whole = frameReader(1_000, () => t.fail())
    t.throws(() => whole.take(header), { instanceOf: MalformedFrameError, message: new RegExp(`frame of ${length} `) })
    const cut = frameReader(1_000, () => t.fail())
    cut.take(header.subarray(0, 3))
    t.throws(() => cut.take(header.subarray(3)), { instanceOf: MalformedFrameError })
  }
})

test('a reader that was stopped passes over the rest of its chunk', (t) => {
  const seen: number[] = []
  const reader = frameReader(10, (bytes, start) => {
    seen.push(bytes[start] ?? 0)
    if (seen.length === 2) reader.stopped = true
  })
  reader.take(framed(Buffer.from([1]), Buffer.from([2]), Buffer.from([3])))
  t.deepEqual(seen, [1, 2])
})
