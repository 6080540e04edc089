import test from 'ava'
import { StoreConfigError } from '../../../src/errors.ts'
import { openStore } from '../../../src/stores/open-store.ts'

const refused: Readonly<Record<string, RegExp>> = {
  'hybrid:': /takes over=/,
  'hybrid:?over=memory:': /tells when a copy is outdated.*memory as given does not/,
  'hybrid:?over=mysql://h/d': /tells when a copy is outdated.*mysql as given does not/,
  'hybrid:?over=hybrid:%3Fover=sqlite:x.db': /hybrid over sqlite as given does not/,
  'hybrid:?over=redis+cluster://h': /redis as given does not/,
  'hybrid:?over=redis://h&cacheBytes=0': /cacheBytes.*whole number/,
  'hybrid:?over=redis://:s3cret@h&timeoutMs=5': /none of these.*%26/,
  'hybrid:?over=postgres://h/shop?leaseMs=5': /leaseMs/,
  'hybrid:?over=mysql://h/shop?leaseMs=500': /leaseMs.*postgres:/,
  'hybrid:?over=nothing://h': /no store for 'nothing:/,
  'hybrid://h?over=redis://h': /names a host or a path/,
}

for (const [url, message] of Object.entries(refused)) {
  test(`'${url}' is refused, and the message says what is accepted`, async (t) => {
    const error = await t.throwsAsync(openStore(url), { instanceOf: StoreConfigError, message })
    t.notRegex(error?.message ?? '', /s3cret/)
  })
}

test('it opens from a URL', async (t) => {
  t.is(
    (await openStore('hybrid:?over=redis://h:1/2%3FtimeoutMs=100%26prefix=shop:&cacheBytes=1000')).name,
    'hybrid over redis',
  )
  t.is((await openStore('hybrid:?over=redis://h:1?timeoutMs=100')).name, 'hybrid over redis')
  t.is((await openStore('hybrid:?over=sqlite:sessions.db')).name, 'hybrid over sqlite')
  t.is((await openStore('hybrid:?over=postgres://h/shop%3FleaseMs=500')).name, 'hybrid over postgres')
})
