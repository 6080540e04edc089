import test from 'ava'
import { StoreConfigError } from '../../src/errors.ts'
import { meshLocation } from '../../src/replication/mesh-url.ts'

const SECRET = 'a secret of thirty-two letters!!!'
const LOCAL = 'a=127.0.0.1:7001,b=127.0.0.1:7002,c=127.0.0.1:7003'
const OUTSIDE = 'a=10.0.0.1:7000,b=10.0.0.2:7000,c=node-c:7000'
const THIRTEEN = Array.from({ length: 13 }, (_, n) => `n${n}=127.0.0.1:${n + 1}`).join(',')

const listen = (url: string) => meshLocation(url, { secret: SECRET }).listen
const copies = (more: string) => meshLocation(`clustered:?name=a&peers=${LOCAL}${more}`).copies

test('a list of peers on loopback needs no secret', (t) => {
  t.like(meshLocation(`replicated:?name=b&peers=${LOCAL}`), {
    name: 'b',
    names: ['a', 'b', 'c'],
    copies: 'all',
    listen: { host: '127.0.0.1', port: 7002 },
    secret: undefined,
    tls: false,
    certificates: undefined,
    ack: undefined,
    openTimeoutMs: undefined,
  })
})

test('the process may know the name and the secret, and the URL goes before it', (t) => {
  const about = { name: 'c', secret: SECRET }
  t.like(meshLocation(`replicated:?peers=${OUTSIDE}`, about), { name: 'c', secret: SECRET, tls: true })
  t.like(meshLocation(`replicated:?name=a&secret=${SECRET}+%20&peers=${OUTSIDE}`, about), {
    name: 'a',
    secret: `${SECRET}+ `,
  })
})

test('it listens on the address of its own entry, and everywhere where that is a host name', (t) => {
  t.deepEqual(listen(`replicated:?name=a&peers=${OUTSIDE}`), { host: '10.0.0.1', port: 7000 })
  t.deepEqual(listen(`replicated:?name=c&peers=${OUTSIDE}`), { host: '', port: 7000 })
  t.deepEqual(listen(`replicated:?name=a&names=a,b&dns=nodes:7000`), { host: '', port: 7000 })
  t.deepEqual(listen(`replicated:?name=a&peers=${OUTSIDE}&listen=[::1]:9`), { host: '::1', port: 9 })
})

test('clustered: has two backups of each session, or as many as it is told', (t) => {
  t.is(copies(''), 2)
  t.is(copies('&copies=1'), 1)
  t.is(meshLocation('clustered:?name=a&peers=a=127.0.0.1:1,b=127.0.0.1:2').copies, 1)
})

test('TLS is on except on loopback, with the secret or with certificates', (t) => {
  t.true(meshLocation(`replicated:?name=a&peers=${LOCAL}&tls=on&secret=${SECRET}`).tls)
  t.true(meshLocation(`replicated:?name=a&peers=${OUTSIDE}&secret=${SECRET}`).tls)
  t.like(meshLocation(`replicated:?name=a&peers=${OUTSIDE}&ca=ca.pem&cert=a.pem&key=a.key`), {
    tls: true,
    certificates: { ca: 'ca.pem', cert: 'a.pem', key: 'a.key' },
  })
})

test('names to spare are no founders', (t) => {
  t.is(meshLocation(`replicated:?name=a&peers=${LOCAL}`).founders, undefined)
  t.like(meshLocation(`replicated:?name=c&peers=${LOCAL}&members=b,a`), {
    names: ['a', 'b', 'c'],
    founders: ['a', 'b'],
  })
})

test('settings travel in the URL', (t) => {
  const url = `replicated:?name=a&peers=${LOCAL}&ack=all&openTimeoutMs=200`
  t.like(meshLocation(url), { ack: 'all', openTimeoutMs: 200 })
})

const refused: Readonly<Record<string, RegExp>> = {
  'replicated://host': /has another form/,
  'replicated:': /names no node: it takes name=a/,
  'replicated:?name=a': /either peers=a=HOST:PORT,b=\.\.\. or names=/,
  'replicated:?name=a&peers=': /peers in the store's URL is '', and takes a text/,
  'replicated:?name=a&peers=127.0.0.1:7001': /'127\.0\.0\.1:7001' in peers is no peer/,
  'replicated:?name=a&peers=a=127.0.0.1:7001,': /'' in peers is no peer/,
  'replicated:?name=a&peers=a=127.0.0.1': /'127\.0\.0\.1' in peers, at a, is no address/,
  'replicated:?name=a&peers=a=127.0.0.1:0': /is no address/,
  'replicated:?name=a&peers=a=127.0.0.1:70000': /is no address/,
  'replicated:?name=a&peers=a=127.0.0.1:7001': /names this node 'a' alone/,
  'replicated:?name=a&peers=a=127.0.0.1:1,a=127.0.0.1:2': /names 'a' twice/,
  'replicated:?name=a&peers=a=127.0.0.1:1,b=127.0.0.1:1': /'a' and 'b' at one address, 127\.0\.0\.1:1/,
  [`replicated:?name=d&peers=${LOCAL}`]: /this node is 'd', and the peers are a, b, c/,
  [`replicated:?name=a b&peers=${LOCAL}`]: /'a b' is no name/,
  [`replicated:?name=a&peers=${LOCAL}&names=a`]: /names= goes with dns=/,
  'replicated:?name=a&dns=nodes:7000': /dns= goes with names=a,b/,
  'replicated:?name=a&dns=nodes:7000&names=a,b,b': /names has 'b' twice/,
  'replicated:?name=a&dns=nodes&names=a,b': /'nodes' in dns is no address/,
  [`replicated:?name=a&peers=${LOCAL}&members=a,d`]: /members has 'd', and the names are a, b, c/,
  [`replicated:?name=a&peers=${LOCAL}&members=a,a`]: /members has 'a' twice/,
  [`clustered:?name=a&peers=${LOCAL}&members=a,b`]: /members= is for replicated:/,
  [`replicated:?name=a&peers=${LOCAL}&copies=2`]: /replicated: has one on every node/,
  [`clustered:?name=a&peers=${LOCAL}&copies=3`]: /copies is '3'.*1 to 2 on 3 nodes/,
  [`clustered:?name=a&peers=${LOCAL}&copies=0`]: /copies is '0'/,
  [`clustered:?name=a&peers=${LOCAL}&copies=all`]: /copies is 'all'/,
  [`replicated:?name=a&peers=${OUTSIDE}`]: /10\.0\.0\.1:7000, which is no loopback address, needs a secret of 32/,
  'replicated:?name=a&dns=nodes:7000&names=a,b': /nodes:7000, which is no loopback address, needs a secret/,
  [`replicated:?name=a&peers=${LOCAL}&listen=0.0.0.0:7001`]: /0\.0\.0\.0:7001, which is no loopback address/,
  [`replicated:?name=a&peers=${LOCAL}&tls=on`]: /tls=on needs a secret/,
  [`replicated:?name=a&peers=${LOCAL}&tls=yes`]: /tls in the store's URL is 'yes', and takes on, off/,
  [`replicated:?name=a&peers=${OUTSIDE}&secret=${SECRET}&tls=off`]: /tls=off is for loopback/,
  [`replicated:?name=a&peers=${OUTSIDE}&ca=x&cert=y`]: /certificates are three files/,
  [`replicated:?name=a&peers=${LOCAL}&secret=short`]: /has 5 characters, and takes 32 or more/,
  [`replicated:?name=a&peers=${LOCAL}&secret=%`]: /a '%' that is not part of an escape/,
  [`replicated:?name=a&peers=${LOCAL}&ack=two`]: /ack.*'two'.*local, one, quorum, all/,
  [`replicated:?name=a&peers=${LOCAL}&openTimeoutMs=soon`]: /openTimeoutMs.*'soon'/,
  [`replicated:?name=a&peers=${LOCAL}&size=3`]: /has 'size', and takes name, names, members, peers/,
  [`replicated:?name=a&name=b&peers=${LOCAL}`]: /has 'name' twice/,
  [`replicated:?name=a&peers=${THIRTEEN}`]: /not one of them/,
  [`replicated:?name=n0&peers=${THIRTEEN}`]: /names 13 nodes, and takes 12/,
}

for (const [url, message] of Object.entries(refused)) {
  test(`refused, in one line without secrets: ${url}`, (t) => {
    const error = t.throws(() => meshLocation(url), { instanceOf: StoreConfigError, message })
    t.notRegex(error?.message ?? '', /\n|short|thirty-two letters/)
  })
}

test('a mesh of one node needs alone=true', (t) => {
  t.deepEqual(meshLocation('replicated:?name=a&alone=true&peers=a=127.0.0.1:7001').names, ['a'])
  t.is(meshLocation('clustered:?name=a&alone=true&peers=a=127.0.0.1:7001').copies, 0)
})
