import { randomBytes } from 'node:crypto'
import test from 'ava'
import {
  clusterText,
  handshake,
  type HandshakeOptions,
  type Identity,
  type HandshakeStep,
} from '../../src/replication/links/handshake.ts'

const cluster = clusterText(['a', 'b', 'c'], 'all')
const identity = (name: string, more: Partial<Identity> = {}): Identity => ({
  name,
  incarnation: 42,
  cluster,
  speaks: { oldest: 1, newest: 1 },
  ...more,
})

type Side = Partial<Omit<HandshakeOptions, 'role' | 'random'>>

/** Lets both talk until one has come to an end, and gives back what each came to. */
function shake(
  dialler: Side,
  dialled: Side,
): { dialler: HandshakeStep | undefined; dialled: HandshakeStep | undefined } {
  const common = { secret: 'the secret', random: randomBytes }
  const left = handshake({ ...common, self: identity('a'), ...dialler, role: 'dialler' })
  const right = handshake({ ...common, self: identity('b'), ...dialled, role: 'dialled' })
  const first = right.take(left.begin())
  if (first.next !== 'send') return { dialler: end(left, first, right), dialled: first }
  const second = left.take(first.send)
  if (second.next !== 'send') return { dialler: second, dialled: end(right, second, left) }
  const third = right.take(second.send)
  if (third.next === 'proven') return { dialler: left.take(right.welcome()), dialled: third }
  return { dialler: end(left, third, right), dialled: third }
}

/** What one makes of it when the other refuses. */
function end(
  one: ReturnType<typeof handshake>,
  step: HandshakeStep,
  other: ReturnType<typeof handshake>,
): HandshakeStep | undefined {
  return step.next === 'refuse' ? one.take(other.refuse(step.refusal)) : undefined
}

const speaks = (oldest: number, newest: number) => ({ speaks: { oldest, newest } })
const objection = () => ({ code: 'stranger', line: 'b is not wanted' }) as const

test('nodes with one secret are linked, and each knows the name of the other', (t) => {
  const { dialler, dialled } = shake({}, {})
  t.like(dialler, { next: 'proven', peer: identity('b'), version: 1 })
  t.like(dialled, { next: 'proven', peer: identity('a'), version: 1 })
})

test('a node with another secret is refused by the first that sees a proof, in a line without secrets', (t) => {
  for (const other of ['another secret', undefined]) {
    const { dialler, dialled } = shake({}, { secret: other })
    t.like(dialler, { next: 'refuse', refusal: { code: 'secret', line: 'b has another secret than a' } })
    t.like(dialled, { next: 'refused', refusal: { code: 'secret' } })
  }
})

test('a dialler without a proof is refused by the node that it dialled', (t) => {
  const right = handshake({ self: identity('b'), secret: 's', random: randomBytes, role: 'dialled' })
  const left = handshake({ self: identity('a'), secret: 's', random: randomBytes, role: 'dialler' })
  t.is(right.take(left.begin()).next, 'send')
  for (const proof of ['', 'AAAA', Buffer.alloc(32).toString('base64url'), 7]) {
    t.like(right.take(Buffer.from(JSON.stringify({ proof }))), { next: 'refuse', refusal: { code: 'secret' } })
  }
})

test('a proof is good for one node, one connection and one role', (t) => {
  const options = { self: identity('b'), secret: 's', random: randomBytes }
  const left = handshake({ ...options, self: identity('a'), role: 'dialler' })
  const right = handshake({ ...options, role: 'dialled' })
  const answer = right.take(left.begin())
  t.is(answer.next, 'send')
  if (answer.next !== 'send') return
  const said = JSON.parse(answer.send.toString()) as { proof: string; name: string }
  // An answer of b's to a, given to another dial of a's.
  const later = handshake({ ...options, self: identity('a'), role: 'dialler' })
  later.begin()
  t.like(later.take(answer.send), { next: 'refuse', refusal: { code: 'secret' } })
  // In the name of c.
  t.like(left.take(Buffer.from(JSON.stringify({ ...said, name: 'c' }))), {
    next: 'refuse',
    refusal: { code: 'secret' },
  })
  // Given back to b as if it were the dialler's.
  t.like(right.take(Buffer.from(JSON.stringify({ proof: said.proof }))), {
    next: 'refuse',
    refusal: { code: 'secret' },
  })
})

test('a link speaks the newest version that both speak', (t) => {
  for (const [one, other, version] of [
    [speaks(1, 2), speaks(1, 1), 1],
    [speaks(1, 1), speaks(1, 2), 1],
    [speaks(1, 2), speaks(2, 3), 2],
  ] as const) {
    const { dialler, dialled } = shake({ self: identity('a', one) }, { self: identity('b', other) })
    t.like(dialler, { next: 'proven', version })
    t.like(dialled, { next: 'proven', version })
  }
})

test('without a version in common the link is refused, and the line says which versions each speaks', (t) => {
  const { dialler, dialled } = shake({ self: identity('a', { speaks: { oldest: 2, newest: 3 } }) }, {})
  const line = "a speaks versions 2 to 3 of the mesh's protocol, and b version 1"
  t.like(dialled, { next: 'refuse', refusal: { code: 'version', line } })
  t.like(dialler, { next: 'refused', refusal: { code: 'version', line } })
})

test('a dialler that objects proves nothing, and says why', (t) => {
  const { dialler, dialled } = shake({ objection }, {})
  t.like(dialler, { next: 'refuse', refusal: { code: 'stranger' } })
  t.like(dialled, { next: 'refused', refusal: { code: 'stranger', line: 'b is not wanted' } })
})

test('a message that is no hello is refused as garbled', (t) => {
  const hello = { magic: 'ninelives mesh', ...identity('a'), nonce: 'x'.repeat(43) }
  const garbled: unknown[] = [
    'GET / HTTP/1.1\r\n\r\n',
    null,
    [],
    {},
    { ...hello, magic: 'other' },
    { ...hello, name: '' },
    { ...hello, name: 'x'.repeat(33) },
    { ...hello, name: 'a\nb' },
    { ...hello, incarnation: 1.5 },
    { ...hello, nonce: 'short' },
    { ...hello, speaks: 1 },
    { refusal: { code: 'other', line: 'x' } },
    { refusal: { code: 'secret', line: 'a\nb' } },
  ]
  for (const each of garbled) {
    const right = handshake({ self: identity('b'), secret: 's', random: randomBytes, role: 'dialled' })
    const bytes = Buffer.from(typeof each === 'string' ? each : JSON.stringify(each))
    t.like(right.take(bytes), { next: 'refuse', refusal: { code: 'garbled' } })
  }
})
