/** Behind proxies that append, the client is the rightmost address that is not trusted. */
import { request as open } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import test from 'ava'
import { forwardedClient } from '../../src/request/forwarded-client.ts'
import { addressRange, trustedProxies } from '../../src/config/address-ranges.ts'
import type { AddressRange } from '../../src/config/address-ranges.ts'
import { balancing } from '../fixtures/balancing.ts'
import { answerTo } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'

const trusts = trustedProxies(['10.0.0.0/8', '2001:db8::/32'].map((text) => addressRange(text) as AddressRange))
const PROXY = { address: '10.0.0.1', secure: false, trusted: true }

function client(headers: IncomingHttpHeaders, header: 'x-forwarded-for' | 'forwarded' = 'x-forwarded-for') {
  const { address, proto, host } = forwardedClient(PROXY, headers, { trusts, header })
  return [address, proto, host]
}

for (const [list, address] of [
  ['203.0.113.9', '203.0.113.9'],
  ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
  ['198.51.100.1,203.0.113.9 , 10.0.0.7', '203.0.113.9'],
  ['198.51.100.1, 203.0.113.9, 2001:db8::7, 10.0.0.7', '203.0.113.9'],
  ['10.0.0.99, 203.0.113.9', '203.0.113.9'],
  ['10.0.0.9, 10.0.0.7', '10.0.0.9'],
  ['203.0.113.9:4711', '203.0.113.9'],
  ['[2001:db9::1]:4711', '2001:db9::1'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['198.51.100.1, unknown', '10.0.0.1'],
  ['198.51.100.1, unknown, 10.0.0.7', '10.0.0.7'],
  ['198.51.100.1, "203.0.113.9', '10.0.0.1'],
  ['198.51.100.1,', '10.0.0.1'],
  ['', '10.0.0.1'],
] as const) {
  test(`of X-Forwarded-For: ${list}, the client is ${address}`, (t) => {
    t.is(client({ 'x-forwarded-for': list })[0], address)
  })
}

for (const [field, ...said] of [
  ['for=203.0.113.9;proto=https;host=shop.example', '203.0.113.9', 'https', 'shop.example'],
  ['for=198.51.100.1;proto=http, For="203.0.113.9:80";Proto=HTTPS', '203.0.113.9', 'https', undefined],
  ['for=198.51.100.1, for="[2001:db9::1]"; host="a:81"', '2001:db9::1', undefined, 'a:81'],
  ['for=203.0.113.9;proto=https, for=10.0.0.7;proto=http', '203.0.113.9', 'https', undefined],
  ['for=198.51.100.1;x=", for="[2001:db9::1]"', '2001:db9::1', undefined, undefined],
  ['for=198.51.100.1, for=_hidden;proto=https', '10.0.0.1', 'https', undefined],
  ['for=198.51.100.1, proto=ftp;host="a/b"', '10.0.0.1', undefined, undefined],
] as const) {
  test(`of Forwarded: ${field}, the client is ${said[0]}`, (t) => {
    t.deepEqual(client({ forwarded: field, 'x-forwarded-for': '198.51.100.1' }, 'forwarded'), [...said])
  })
}

test('of the two headers only one is read, for a client can send the other through the proxy', (t) => {
  t.deepEqual(client({ forwarded: 'for=198.51.100.1', 'x-forwarded-for': '203.0.113.9' }), [
    '203.0.113.9',
    undefined,
    undefined,
  ])
  t.deepEqual(client({ forwarded: 'for=198.51.100.1' }), ['10.0.0.1', undefined, undefined])
})

test('protocol and host are those that the client asked by, whether proxies append or set them', (t) => {
  const addresses = '198.51.100.1, 203.0.113.9, 10.0.0.7'
  const said = ['203.0.113.9', 'https', 'shop.example']
  const appended = { 'x-forwarded-proto': 'http, https, http', 'x-forwarded-host': 'evil, shop.example, inner' }
  t.deepEqual(client({ 'x-forwarded-for': addresses, ...appended }), said)
  const set = { 'x-forwarded-proto': 'HTTPS', 'x-forwarded-host': 'shop.example' }
  t.deepEqual(client({ 'x-forwarded-for': addresses, ...set }), said)
  t.deepEqual(client({ 'x-forwarded-proto': 'https' }), ['10.0.0.1', 'https', undefined])
  const wrong = { 'x-forwarded-proto': 'gopher', 'x-forwarded-host': 'a"b' }
  t.deepEqual(client({ 'x-forwarded-for': addresses, ...wrong }), ['203.0.113.9', undefined, undefined])
})

test('the headers of an untrusted address are ignored', (t) => {
  const stranger = { ...PROXY, trusted: false }
  t.is(forwardedClient(stranger, { 'x-forwarded-for': '203.0.113.9' }, { trusts, header: 'x-forwarded-for' }), stranger)
})

test('the node and the log are told of the client alone, by each of the headers', async (t) => {
  const upstream = await httpServer(t, (_request, response) => response.end())
  const balancer = await balancing(t, { a: upstream.port }, { TRUSTED_PROXIES: '127.0.0.1' })
  const headers = {
    'x-forwarded-for': '198.51.100.1, 203.0.113.9',
    'x-real-ip': '198.51.100.1',
    forwarded: 'for=198.51.100.1',
  }
  await answerTo(open(balancer.url, { headers, agent: false }).end())
  t.like(upstream.requests[0]?.headers, {
    'x-forwarded-for': '203.0.113.9',
    forwarded: `for=203.0.113.9;host="127.0.0.1:${balancer.port}";proto=http`,
    'x-real-ip': undefined,
  })
  t.like(
    balancer.lines.find(({ msg }) => msg === 'request'),
    { client: '203.0.113.9' },
  )
})
