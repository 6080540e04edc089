/**
 * What frames a socket takes and how it refuses the others (RFC 6455), through a real balancer, before a real node, over both transports:
 * each case as whole frames, and again byte by byte.
 */
import test from 'ava'
import { until } from '@ninelives/lab'
import { anyPorts, ready, run } from '../packages/lab/test/fixtures/command.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'
import { client } from '../packages/node/test/support/client.ts'
import { closing, conversation, frame, type FrameOptions, OPCODE } from './support/frames.ts'

const FLOOR = '/api/floor'
const HELLO = '{"type":"hello"}'
const MESSAGE_BYTES_MAX = 16 * 1024
/** Larger cases are not sent byte by byte. */
const BYTEWISE_MAX = 1_000

const text = (payload: string | Buffer, options: FrameOptions = {}): Buffer => frame(OPCODE.text, payload, options)
const start = (payload: string | Buffer): Buffer => text(payload, { fin: false })
const middle = (payload: string | Buffer): Buffer => frame(OPCODE.continuation, payload, { fin: false })
const last = (payload: string | Buffer): Buffer => frame(OPCODE.continuation, payload)
const ping = (payload: string | Buffer = '', options: FrameOptions = {}): Buffer => frame(OPCODE.ping, payload, options)
const hello = text(HELLO)

function helloOf(bytes: number): string {
  const empty = JSON.stringify({ type: 'hello', padding: '' })
  return JSON.stringify({ type: 'hello', padding: 'x'.repeat(bytes - empty.length) })
}

/** A text in which a character of two bytes is cut in the middle. */
const GREEK = Buffer.from('{"type":"hello","note":"κόσμε"}')
const IN_THE_MIDDLE = GREEK.indexOf('κ') + 1

const INVALID_UTF8: Readonly<Record<string, Buffer>> = {
  'a continuation byte alone': Buffer.from([0x80]),
  'an overlong slash': Buffer.from([0xc0, 0xaf]),
  'a surrogate': Buffer.from([0xed, 0xa0, 0x80]),
  'above U+10FFFF': Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  'a character that is cut off': Buffer.from([0xce]),
  'a byte that never occurs': Buffer.from([0xff]),
}

const CODES_TAKEN = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
const CODES_REFUSED = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
const OPCODES_RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]

/** What is sent, and what the server answers. A case that ends without a Close is ended by the client with 1000. */
type Case = readonly [sent: readonly Buffer[], answers: readonly string[]]

const CASES: Readonly<Record<string, Case>> = {
  'a message in one frame': [[hello], ['welcome']],
  'a question whether the node is there': [[text('{"type":"keep-alive"}')], ['keep-alive']],
  'a message in three fragments': [[start('{"type"'), middle(':"hel'), last('lo"}')], ['welcome']],
  'empty fragments': [[start(''), middle(HELLO), middle(''), last('')], ['welcome']],
  'a ping between fragments': [
    [start('{"type"'), ping('between'), last(':"hello"}')],
    ['pong between', 'welcome'],
  ],
  'a character across fragments': [
    [start(GREEK.subarray(0, IN_THE_MIDDLE)), last(GREEK.subarray(IN_THE_MIDDLE))],
    ['welcome'],
  ],
  'many frames in one segment': [
    [Buffer.concat([ping('a'), start('{"type"'), ping('b'), last(':"hello"}')])],
    ['pong a', 'pong b', 'welcome'],
  ],
  'a continuation of nothing': [[last(HELLO)], ['close 1002']],
  'a message inside another': [[start('{"type"'), hello], ['close 1002']],
  'a fragment and then a Close': [[start('{"type"'), closing(1000)], ['close 1000']],

  'a ping without a payload': [[ping()], ['pong']],
  'a ping with a payload': [[ping('payload')], ['pong payload']],
  'a ping with bytes that are no text': [[ping(Buffer.from([0, 0xff, 0xfe]))], ['pong \u0000\u00ff\u00fe']],
  'a ping of 125 bytes': [[ping('x'.repeat(125))], [`pong ${'x'.repeat(125)}`]],
  'a ping of 126 bytes': [[ping('x'.repeat(126))], ['close 1002']],
  'a ping in fragments': [[ping('x', { fin: false })], ['close 1002']],
  'ten pings': [
    Array.from({ length: 10 }, (_, n) => ping(String(n))),
    Array.from({ length: 10 }, (_, n) => `pong ${n}`),
  ],
  'a pong that was not asked for': [[frame(OPCODE.pong, 'unasked'), ping('after')], ['pong after']],

  'a Close without a code': [[frame(OPCODE.close)], ['close']],
  'a Close of one byte': [[frame(OPCODE.close, 'x')], ['close 1002']],
  'a Close with a reason': [[closing(1000, 'done')], ['close 1000 done']],
  'a Close with a reason of 123 bytes': [[closing(1000, 'x'.repeat(123))], [`close 1000 ${'x'.repeat(123)}`]],
  'a Close with a reason of 124 bytes': [[closing(1000, 'x'.repeat(124))], ['close 1002']],
  'a message behind a Close': [[Buffer.concat([closing(1000), hello, ping()])], ['close 1000']],
  ...table(CODES_TAKEN, (code) => [`a Close with ${code}`, [[closing(code)], [`close ${code}`]]]),
  ...table(CODES_REFUSED, (code) => [`a Close with ${code}`, [[closing(code)], ['close 1002']]]),
  ...table(Object.entries(INVALID_UTF8), ([what, bytes]) => [
    `a reason with ${what}`,
    [[closing(1000, bytes)], ['close 1007']],
  ]),

  ...table(Object.entries(INVALID_UTF8), ([what, bytes]) => [`a text with ${what}`, [[text(bytes)], ['close 1007']]]),
  ...table(Object.entries(INVALID_UTF8), ([what, bytes]) => [
    `fragments with ${what}`,
    [[start('{"type":"'), middle(bytes), last('"}')], ['close 1007']],
  ]),

  ...table([1, 2, 3, 4, 5, 6, 7], (reserved) => [
    `reserved bits ${reserved}`,
    [[text(HELLO, { reserved })], ['close 1002']],
  ]),
  ...table(OPCODES_RESERVED, (opcode) => [`opcode ${opcode}`, [[frame(opcode, HELLO)], ['close 1002']]]),
  'a frame without a mask': [[text(HELLO, { isMasked: false })], ['close 1002']],

  'a message of the largest size': [[text(helloOf(MESSAGE_BYTES_MAX))], ['welcome']],
  'a message that is too large': [
    [text(helloOf(MESSAGE_BYTES_MAX + 1))],
    ['error TOO_LARGE', `close 1009 A message takes at most ${MESSAGE_BYTES_MAX} bytes.`],
  ],
  'a message that is far too large': [[text('x'.repeat(5 * MESSAGE_BYTES_MAX))], ['close 1009']],
  'fragments that are far too large together': [
    [start('x'.repeat(MESSAGE_BYTES_MAX)), ...Array.from({ length: 5 }, () => middle('x'.repeat(MESSAGE_BYTES_MAX)))],
    ['close 1009'],
  ],
  'a length of 2^31': [[text('x', { announced: 2n ** 31n })], ['close 1009']],
  'a length of 2^63': [[text('x', { announced: 2n ** 63n })], ['close 1009']],

  'a binary frame': [[frame(OPCODE.binary, HELLO)], ['error BINARY', 'close 1003 Messages are JSON in text frames.']],
  'a text that is not JSON': [
    [text('{')],
    ['error INVALID', 'close 1007 A message is a JSON object with a type, and an id of at most 128 characters.'],
  ],
  'an empty text': [
    [text('')],
    ['error INVALID', 'close 1007 A message is a JSON object with a type, and an id of at most 128 characters.'],
  ],
  'an unknown type': [[text('{"type":"__proto__"}')], ['error UNKNOWN_TYPE']],
}

function table<T>(each: readonly T[], row: (one: T) => readonly [string, Case]): Record<string, Case> {
  return Object.fromEntries(each.map((one) => row(one)))
}

for (const transport of ['http-proxy', 'undici']) {
  test.serial(`frames are answered as RFC 6455 says, through the balancer over ${transport}`, async (t) => {
    t.timeout(180_000)
    const logs = scratch(t)
    const args = ['--strategy', 'memory', '--nodes', '1', '--users', '0']
    const lab = await ready(run(t, ['up', ...anyPorts, '--logs', logs, ...args], { TRANSPORT: transport }), logs)
    const browser = client(lab.shop)
    await browser.login('user-1')

    const { cookie = '' } = browser

    const answersTo = async ([sent, expected]: Case): Promise<readonly string[]> => {
      const own = await conversation(t, lab.shop, { path: FLOOR, cookie })
      await own.send(sent)
      const ends = expected.some((answer) => answer.startsWith('close'))
      const isAnswered = () => own.hasEnded || (!ends && own.heard.length >= expected.length)
      await until(isAnswered, { what: `an answer to ${expected.join()}`, deadlineMs: 60_000, everyMs: 2 })
      if (!own.hasEnded) await own.send([closing(1000)])
      await until(() => own.hasEnded, { what: 'the end of the connection', deadlineMs: 60_000, everyMs: 2 })
      return own.heard
    }

    for (const [name, [sent, answers]] of Object.entries(CASES)) {
      const expected = answers.some((answer) => answer.startsWith('close')) ? answers : [...answers, 'close 1000']
      t.deepEqual(await answersTo([sent, answers]), expected, name)
      const bytes = Buffer.concat(sent)
      if (bytes.length > BYTEWISE_MAX) continue
      t.deepEqual(await answersTo([bytewise(bytes), answers]), expected, `${name}, byte by byte`)
    }
  })
}

function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]))
}
