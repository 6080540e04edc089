import test from 'ava'
import { crc32c } from '../../src/proxy-protocol/crc32c.ts'
import { proxyHeader } from '../../src/proxy-protocol/proxy-protocol.ts'
import { balancing } from '../fixtures/balancing.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const IPV4 = 'c0000201c6336401dc0401bb'
const IPV6 = '20010db800000000000000000000000120010db8000000000000000000000002dc0401bb'
const MAPPED = '00000000000000000000ffffc000020100000000000000000000ffffc6336401dc0401bb'

interface Parts {
  readonly versionAndCommand?: string
  readonly family?: string
  readonly addresses?: string
  readonly fields?: string
  readonly length?: number
}

/** All in hexadecimal. */
function header({
  versionAndCommand = '21',
  family = '11',
  addresses = IPV4,
  fields = '',
  length,
}: Parts = {}): Buffer {
  const rest = addresses + fields
  const said = (length ?? rest.length / 2).toString(16).padStart(4, '0')
  return Buffer.from(SIGNATURE + versionAndCommand + family + said + rest, 'hex')
}

function field(type: string, value: string): string {
  return type + (value.length / 2).toString(16).padStart(4, '0') + value
}

/** A header with its checksum behind the other fields. */
function checked(parts: Parts): Buffer {
  const whole = header({ ...parts, fields: (parts.fields ?? '') + field('03', '00000000') })
  whole.writeUInt32BE(crc32c(whole), whole.length - 4)
  return whole
}

test('the checksum is that of the standard', (t) => {
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
})

const complete = test.macro({
  exec(t, bytes: Buffer, address: string | undefined) {
    const whole = Buffer.concat([bytes, Buffer.from('GET / ')])
    t.deepEqual(proxyHeader(whole), { state: 'complete', bytes: bytes.length, address })
    for (let length = 0; length < bytes.length; length += 1) {
      t.deepEqual(proxyHeader(whole.subarray(0, length)), { state: 'incomplete' })
    }
  },
  title: (what) => `understood, and waited for: ${what}`,
})

const UNIX = Buffer.alloc(216, '/').toString('hex')
test('IPv4', complete, header(), '192.0.2.1')
test('IPv6', complete, header({ family: '21', addresses: IPV6 }), '2001:db8::1')
test('IPv4 in IPv6', complete, header({ family: '21', addresses: MAPPED }), '::ffff:192.0.2.1')
test('a local socket', complete, header({ family: '31', addresses: UNIX }), undefined)
test('not specified, with anything behind it', complete, header({ family: '00', addresses: 'ffffff' }), undefined)
test('the proxy itself', complete, header({ versionAndCommand: '20', family: '00', addresses: '' }), undefined)
test('the proxy itself, with what is to be skipped', complete, header({ versionAndCommand: '20' }), undefined)
test('fields', complete, header({ fields: field('04', '0000') + field('ea', '01') + field('02', '') }), '192.0.2.1')
test('a checksum', complete, checked({ fields: field('01', '6832') }), '192.0.2.1')
test('a checksum of IPv6', complete, checked({ family: '21', addresses: IPV6 }), '2001:db8::1')

const malformed = test.macro({
  exec(t, bytes: Buffer) {
    t.deepEqual(proxyHeader(bytes), { state: 'malformed' })
  },
  title: (what) => `malformed: ${what}`,
})

test('another signature', malformed, Buffer.from('\r\n\r\nGET / HTTP/1.1\r\n\r\n'))
test('version 1', malformed, header({ versionAndCommand: '11' }))
test('version 3', malformed, header({ versionAndCommand: '31' }))
test('an unknown command', malformed, header({ versionAndCommand: '22' }))
test('datagrams', malformed, header({ family: '12' }))
test('an unknown family', malformed, header({ family: '41' }))
test('less than the addresses take', malformed, header({ length: 11 }))
test('longer than any that is sent', malformed, header({ length: 4_081 }))
test('a field that does not end', malformed, header({ fields: '040003ffff' }))
test('half the head of a field', malformed, header({ fields: '0400' }))
test('a wrong checksum', malformed, header({ fields: field('03', '12345678') }))
test('a checksum that is none', malformed, header({ fields: field('03', '1234') }))
test('two checksums', malformed, checked({ fields: field('03', '00000000') }))

test('both versions are taken side by side, and a wrong header is answered with nothing', async (t) => {
  const node = await httpServer(t, (_request, response) => response.end('done'))
  const env = { TRUSTED_PROXIES: '127.0.0.1', PROXY_PROTOCOL: 'true', CLIENT_CONNECTIONS_PER_ADDRESS_MAX: '1' }
  const { port } = await balancing(t, { a: node.port }, env)
  const served = async (...pieces: (Buffer | string)[]) => {
    const client = await rawClient(t, port)
    for (const piece of pieces) client.socket.write(piece)
    client.send('GET / HTTP/1.1', 'Host: a', '', '')
    await Promise.race([client.receives(/done$/), client.closed])
    return client.text() === '' ? 'nothing' : node.requests.at(-1)?.headers['x-forwarded-for']
  }
  const second = checked({ family: '21', addresses: MAPPED })
  t.is(await served('PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n'), '192.0.2.7')
  t.is(await served(second.subarray(0, 20), second.subarray(20)), '192.0.2.1')
  // The same client in the other family, which has a connection open.
  t.is(await served(header()), 'nothing')
  t.is(await served(header({ versionAndCommand: '20' })), '127.0.0.1')
  t.is(await served(header({ fields: field('03', '12345678') })), 'nothing')
})
