import test from 'ava'
import { requestHeaders, requestIdFrom } from '../../src/request/header-rewriting.ts'
import { addressRange, plainAddress, trustedProxies } from '../../src/config/address-ranges.ts'
import type { AddressRange } from '../../src/config/address-ranges.ts'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'

function trusting(...texts: readonly string[]): (address: string) => boolean {
  return trustedProxies(texts.map((text) => addressRange(text) as AddressRange))
}

test('an address or a network, of either family', (t) => {
  t.deepEqual(addressRange('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8, family: 'ipv4' })
  t.deepEqual(addressRange('192.0.2.1'), { address: '192.0.2.1', prefix: 32, family: 'ipv4' })
  t.deepEqual(addressRange('2001:db8::/32'), { address: '2001:db8::', prefix: 32, family: 'ipv6' })
  t.deepEqual(addressRange('::1'), { address: '::1', prefix: 128, family: 'ipv6' })
})

for (const text of [
  '',
  'a',
  '10.0.0.0/33',
  '10.0.0',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '::/129',
  '::1%eth0',
  '1.2.3.4/8/8',
]) {
  test(`neither: ${JSON.stringify(text)}`, (t) => t.is(addressRange(text), undefined))
}

test('an address in a trusted network is trusted, any other is not, and none is without a network', (t) => {
  const trusts = trusting('10.0.0.0/8', '192.0.2.1', '2001:db8::/32')
  t.deepEqual(['10.255.0.1', '192.0.2.1', '2001:db8:ffff::1'].map(trusts), [true, true, true])
  t.deepEqual(['11.0.0.1', '192.0.2.2', '2001:db9::1', '', 'nobody'].map(trusts), [false, false, false, false, false])
  t.false(trusting()('127.0.0.1'))
  t.true(trusting('0.0.0.0/0')('203.0.113.9'))
})

test('an IPv4-mapped IPv6 address is IPv4, and a zone is no part of an address', (t) => {
  t.is(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  t.is(plainAddress('fe80::1%eth0'), 'fe80::1')
  t.is(plainAddress('2001:db8::1'), '2001:db8::1')
})

const PROXY = { address: '10.0.0.1', secure: false, trusted: true }
const FORWARDING = { client: PROXY, host: 'inner', requestId: 'id-1', websocket: false }

test('the node gets each fact that a trusted proxy says of the client once, and its other fields unchanged', (t) => {
  const received = {
    host: 'inner',
    forwarded: 'for=203.0.113.66',
    'x-forwarded-for': '203.0.113.66, 203.0.113.9',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '443',
    'x-real-ip': '203.0.113.66',
    x_forwarded_for: '203.0.113.66',
  }
  const client = { ...PROXY, address: '203.0.113.9', proto: 'https', host: 'shop.example' } as const
  t.deepEqual(requestHeaders(received, { ...FORWARDING, client }), {
    host: 'inner',
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-proto': 'https',
    forwarded: 'for=203.0.113.9;host="shop.example";proto=https',
    'x-forwarded-port': '443',
    'x-request-id': 'id-1',
  })
})

test('a trusted proxy that says nothing is the client', (t) => {
  t.deepEqual(requestHeaders({ host: 'inner' }, FORWARDING), {
    host: 'inner',
    forwarded: 'for=10.0.0.1;host="inner";proto=http',
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-host': 'inner',
    'x-forwarded-proto': 'http',
    'x-request-id': 'id-1',
  })
})

test('forwarding fields spelled with underscores are dropped as well', (t) => {
  const received = { x_forwarded_for: '1', 'x-forwarded_proto': '1', x_real_ip: '1', x_request_id: '1', x_other: '1' }
  for (const trusted of [false, true]) {
    const client = { ...PROXY, trusted }
    t.deepEqual(
      Object.keys(requestHeaders(received, { ...FORWARDING, client })).filter((name) => name.includes('_')),
      ['x_other'],
    )
  }
})

function idFrom(id: string, trusted = true): string | undefined {
  return requestIdFrom({ 'x-request-id': id }, { ...PROXY, trusted })
}

test('the id of a request is what a trusted proxy calls it, if it can stand in a log', (t) => {
  t.is(idFrom('4bf92f35-77b3.4da6:a3ce'), '4bf92f35-77b3.4da6:a3ce')
  t.is(idFrom('4bf92f35', false), undefined)
  for (const id of ['', 'a b', 'a"b', 'a\tb', 'é', 'x'.repeat(129)]) t.is(idFrom(id), undefined)
})

test('the id is the same at the node, in the answer and in an error', async (t) => {
  const upstream = await httpServer(t, (request, response) => response.end(String(request.headers['x-request-id'])))
  const { url } = await balancing(t, { a: upstream.port }, { TRUSTED_PROXIES: '127.0.0.0/8,::1' })
  const passed = await ask(url, { headers: { 'x-request-id': 'id-7' } })
  t.is(passed.body.toString(), 'id-7')
  t.is(passed.headers['x-request-id'], 'id-7')
  const refused = await ask(url, { headers: { 'x-request-id': 'id-8', host: 'a/b' } })
  t.is(refused.status, 400)
  t.like(JSON.parse(refused.body.toString()), { error: { requestId: 'id-8' } })
})

test('a stranger is given an id of its own', async (t) => {
  const upstream = await httpServer(t, (request, response) => response.end(String(request.headers['x-request-id'])))
  const { url } = await balancing(t, { a: upstream.port })
  const { body, headers } = await ask(url, { headers: { 'x-request-id': 'id-7' } })
  t.regex(body.toString(), /^[\da-f-]{36}$/)
  t.is(headers['x-request-id'], body.toString())
})
