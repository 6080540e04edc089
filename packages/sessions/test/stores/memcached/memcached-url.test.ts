import test from 'ava'
import { StoreConfigError } from '../../../src/errors.ts'
import { rendezvous } from '../../../src/stores/memcached/rendezvous.ts'
import { memcachedLocation } from '../../../src/stores/memcached/url.ts'
import { freshKey } from '../../support/records.ts'

test('a URL names one server or several, and settings', (t) => {
  t.deepEqual(memcachedLocation('memcached://one'), { tls: false, servers: ['one:11211'], settings: {} })
  t.deepEqual(memcachedLocation('MEMCACHED://One,two:7/?prefix=shop:&timeoutMs=50'), {
    tls: false,
    servers: ['one:11211', 'two:7'],
    settings: { prefix: 'shop:', timeoutMs: 50 },
  })
  t.like(memcachedLocation('memcacheds://one?ca=/ca.pem'), { tls: true, settings: { ca: '/ca.pem' } })
})

const refused: Readonly<Record<string, RegExp>> = {
  'memcached:one': /memcached:\/\/host:port,host:port, and yours has another form/,
  'memcached://': /'' in the store's URL is not a server/,
  'memcached://one,': /'' in the store's URL is not a server/,
  'memcached://one/2': /another form/,
  'memcached://one:0': /'one:0' in the store's URL is not a server/,
  'memcached://one:99999': /'one:99999'/,
  'memcached://one,two,ONE:11211': /'one:11211' twice/,
  'memcached://[::1]:11211': /IPv6 address, which the driver can't use/,
  'memcached://one?prefix=a b': /prefix in the store's URL is 'a b', and takes up to 200 visible ASCII characters/,
  'memcached://one?weight=2': /'weight', and takes prefix, timeoutMs, openTimeoutMs/,
  'memcached://one?ca=x': /'ca', which is for memcacheds:/,
  [`memcached://${Array.from({ length: 65 }, (_, index) => `h${index}`).join()}`]: /names 65 servers, and takes 64/,
}

for (const [url, message] of Object.entries(refused)) {
  test(`a URL can't be ${url.slice(0, 60)}`, (t) => {
    t.throws(() => memcachedLocation(url), { instanceOf: StoreConfigError, message })
  })
}

test('a password is refused and not repeated', (t) => {
  for (const url of ['memcached://user:secret@one', 'memcached://user:sec/ret@one', 'memcached://one?x=secret@two']) {
    const error = t.throws(() => memcachedLocation(url), { instanceOf: StoreConfigError, message: /takes no user/ })
    t.notRegex(error?.message ?? '', /sec/)
  }
})

test('keys are spread evenly, whatever the order of the servers, and one more server moves only its own share', (t) => {
  const names = ['10.0.0.1:11211', '10.0.0.2:11211', '10.0.0.3:11211']
  const keys = Array.from({ length: 30_000 }, freshKey)
  const place = rendezvous(names)
  const reversed = rendezvous(names.toReversed())
  const shares = [0, 0, 0]
  for (const key of keys) {
    const index = place(key)
    shares[index] = (shares[index] ?? 0) + 1
    t.is(names[index], names.toReversed()[reversed(key)])
  }
  for (const share of shares) t.true(Math.abs(share - 10_000) < 500, shares.join())

  const more = rendezvous([...names, '10.0.0.4:11211'])
  const moved = keys.filter((key) => more(key) !== place(key))
  t.true(moved.every((key) => more(key) === 3))
  t.true(Math.abs(moved.length - 7_500) < 500, String(moved.length))
})
