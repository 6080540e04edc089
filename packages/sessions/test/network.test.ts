import test from 'ava'
import fc from 'fast-check'
import { networkOf } from '../src/network.ts'

const SIZE = { ipv4Bits: 24, ipv6Bits: 56 }

for (const [one, other, same] of [
  ['192.0.2.1', '192.0.2.255', true],
  ['192.0.2.1', '192.0.3.1', false],
  ['192.0.2.1', '::ffff:192.0.2.7', true],
  ['::ffff:c000:0201', '192.0.2.7', true],
  ['2001:db8:0:1200::1', '2001:DB8:0:12ff:ffff::2', true],
  ['2001:db8:0:1200::1', '2001:db8:0:1300::1', false],
  ['2001:db8:0:0:0:0:0:1', '2001:db8::1', true],
  ['::', '::1', true],
  ['::1', '0.0.0.1', false],
  ['fe80::1%eth0', 'fe80::1', true],
  ['', 'unix socket', true],
  ['', '0.0.0.0', false],
] as const) {
  test(`${one || 'nothing'} and ${other} are ${same ? 'in one network' : 'in two networks'}`, (t) => {
    t.is(networkOf(one, SIZE) === networkOf(other, SIZE), same)
  })
}

test('as many leading bits count as are asked for, and no other', (t) => {
  fc.assert(
    fc.property(
      fc.ipV4(),
      fc.integer({ min: 0, max: 32 }),
      fc.integer({ min: 0, max: 31 }),
      (address, bits, flipped) => {
        const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
        const other = (number ^ (1 << (31 - flipped))) >>> 0
        const text = [24, 16, 8, 0].map((shift) => (other >>> shift) & 255).join('.')
        const size = { ipv4Bits: bits, ipv6Bits: 56 }
        return (networkOf(address, size) === networkOf(text, size)) === flipped >= bits
      },
    ),
  )
  t.pass()
})

test('every spelling of an IPv6 address is one address', (t) => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
      const size = { ipv4Bits: 32, ipv6Bits: 128 }
      return networkOf(address, size) === networkOf(canonical.toUpperCase(), size)
    }),
  )
  t.pass()
})
