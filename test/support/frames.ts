/** A WebSocket client that sends any bytes as frames (RFC 6455, section 5.2), and tells in words what the server sent. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { ExecutionContext } from 'ava'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FrameOptions {
  /** Default true: the last frame of its message. */
  readonly fin?: boolean
  /** Default true, as RFC 6455 demands of a client. */
  readonly isMasked?: boolean
  /** The three reserved bits, as a number of 0 to 7. */
  readonly reserved?: number
  /** The length in the header, if it is another than the payload's. */
  readonly announced?: bigint
}

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

export function frame(opcode: number, payload: string | Buffer = '', options: FrameOptions = {}): Buffer {
  const { fin = true, isMasked = true, reserved = 0 } = options
  const bytes = Buffer.from(payload)
  const length = options.announced ?? BigInt(bytes.length)
  const short = length < 126n ? Number(length) : length < 65_536n ? 126 : 127
  const extended = Buffer.alloc(short === 127 ? 8 : short === 126 ? 2 : 0)
  if (short === 127) extended.writeBigUInt64BE(length)
  if (short === 126) extended.writeUInt16BE(Number(length))
  const head = Buffer.from([(fin ? 0x80 : 0) | (reserved << 4) | opcode, (isMasked ? 0x80 : 0) | short])
  if (!isMasked) return Buffer.concat([head, extended, bytes])
  const masked = bytes.map((byte, index) => byte ^ MASK.readUInt8(index % MASK.length))
  return Buffer.concat([head, extended, MASK, masked])
}

export function closing(code: number, reason: string | Buffer = ''): Buffer {
  return frame(OPCODE.close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
}

export interface Conversation {
  /** In pieces, each a segment of TCP of its own as a rule. */
  send(pieces: readonly Buffer[]): Promise<void>
  /** What came, such as `welcome`, `error BINARY`, `pong text` or `close 1000 reason`. */
  readonly heard: readonly string[]
  readonly hasEnded: boolean
}

/** What the server sends all the time, and what a case does not ask for. */
const UNASKED = 'players'

export async function conversation(
  t: ExecutionContext,
  url: string,
  { path, cookie }: { readonly path: string; readonly cookie: string },
): Promise<Conversation> {
  const { hostname, port, host } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => 'what came until then counts')
  const heard: string[] = []
  let bytes = Buffer.alloc(0)
  let isOpen = false
  let hasClosed = false
  const opened = Promise.withResolvers<void>()
  const read = (): void => {
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      const [line = ''] = bytes.toString('latin1').split('\r\n', 1)
      bytes = bytes.subarray(end + 4)
      isOpen = line.startsWith('HTTP/1.1 101 ')
      if (isOpen) opened.resolve()
      else opened.reject(new Error(line))
    }
    for (let one = frameAt(bytes); one !== undefined; one = frameAt(bytes)) {
      bytes = bytes.subarray(one.length)
      const told = inWords(one)
      if (told === UNASKED) continue
      heard.push(told)
      if (one.opcode === OPCODE.close && !hasClosed) socket.write(closing(1000))
    }
  }
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    read()
  })
  await once(socket, 'connect')
  // From here on: a connection that fails is the error of the line above, and no caller would take a second one.
  let hasEnded = false
  socket.on('close', () => {
    hasEnded = true
    opened.reject(new Error('it was closed before the answer'))
  })
  socket.write(
    [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}`,
      `Cookie: ${cookie}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '',
      '',
    ].join('\r\n'),
  )
  await opened.promise
  return {
    heard,

    get hasEnded() {
      return hasEnded
    },

    async send(pieces) {
      for (const piece of pieces) {
        if (socket.destroyed) return
        hasClosed ||= (piece.at(0) ?? 0) === (0x80 | OPCODE.close)
        await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
      }
    },
  }
}

interface ServerFrame {
  readonly opcode: number
  readonly payload: Buffer
  /** Of all of it. */
  readonly length: number
}

/** Undefined while it is not whole. */
function frameAt(bytes: Buffer): ServerFrame | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes.readUInt8(1) & 0x7f
  const extended = short === 127 ? 8 : short === 126 ? 2 : 0
  if (bytes.length < 2 + extended) return undefined
  const payloadBytes = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  const length = 2 + extended + payloadBytes
  if (bytes.length < length) return undefined
  return { opcode: bytes.readUInt8(0) & 0xf, payload: bytes.subarray(2 + extended, length), length }
}

function inWords({ opcode, payload }: ServerFrame): string {
  if (opcode === OPCODE.text) {
    const { type, code } = JSON.parse(payload.toString()) as { readonly type: string; readonly code?: string }
    return code === undefined ? type : `${type} ${code}`
  }
  if (opcode === OPCODE.close) {
    const code = payload.length < 2 ? undefined : payload.readUInt16BE(0)
    return ['close', code, payload.toString('utf8', 2)].filter((word) => word !== undefined && word !== '').join(' ')
  }
  const name = Object.entries(OPCODE).find(([, each]) => each === opcode)?.[0] ?? `opcode ${opcode}`
  return payload.length === 0 ? name : `${name} ${payload.toString('latin1')}`
}
