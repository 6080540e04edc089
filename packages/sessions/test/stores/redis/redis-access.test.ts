import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { StoreConfigError, StoreUnavailableError } from '../../../src/errors.ts'
import { redisStore } from '../../../src/stores/redis/redis.ts'
import { certificate, privateKey } from '../../support/redis/certificate.ts'
import { freePort, redisMissing, redisServer } from '../../support/redis/server.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { openRedis } from '../../support/redis/sessions.ts'

const onRedis = redisMissing === undefined ? test : test.skip
if (redisMissing !== undefined) test.skip(`access to Redis: ${redisMissing}`, () => {})

async function pemFiles(t: ExecutionContext): Promise<{ cert: string; key: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-pem-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  await Promise.all([writeFile(cert, certificate), writeFile(key, privateKey)])
  return { cert, key }
}

/** What the README says that a user of the ACL needs. */
const RULES = '~shop:* resetchannels -@all +hmget +hget +hset +pexpire +del +eval +evalsha +ping +info +wait'

onRedis('a user of the ACL with few rights can do all that a store does, and nothing else', async (t) => {
  const server = await redisServer()
  t.teardown(() => server.stop())
  await server.ask('ACL', 'SETUSER', 'shop', 'on', '>p@ss/word', ...RULES.split(' '))
  const credentials = `shop:${encodeURIComponent('p@ss/word')}@`
  const url = server.url.replace('//', `//${credentials}`)
  const store = await openRedis(t, { url, prefix: 'shop:' })
  const key = freshKey()
  t.is((await store.write(key, creation())).status, 'written')
  t.is((await store.write(key, change(1))).status, 'written')
  t.true(await store.touch(key, inAnHour()))
  t.is((await store.read(key))?.version, 2)
  await store.destroy(key, { fenceUntilMs: inAnHour() })
  await store.health()
  const elsewhere = await openRedis(t, { url, prefix: 'bank:' })
  const error = await t.throwsAsync(elsewhere.read(key), { instanceOf: StoreUnavailableError })
  t.regex(String(error?.cause), /NOPERM/)
})

for (const topology of ['redis', 'redis+cluster']) {
  onRedis(`${topology}: a wrong password is reported, and never repeated`, async (t) => {
    const cluster = topology === 'redis' ? [] : ['--cluster-enabled', 'yes']
    const server = await redisServer({ settings: ['--requirepass', 'right', ...cluster] })
    t.teardown(() => server.stop())
    const url = `${topology}://:wrong-secret@127.0.0.1:${server.port}?ack=local`
    const store = redisStore({ url, openTimeoutMs: 1_000 })
    t.teardown(() => store.close())
    const error = await t.throwsAsync(store.open(), { instanceOf: StoreUnavailableError })
    const told = inspect(error, { depth: null })
    t.regex(told, /WRONGPASS/)
    t.notRegex(told, /wrong-secret/)
  })
}

onRedis('TLS: a certificate that the URL names is trusted, and no other', async (t) => {
  const { cert, key } = await pemFiles(t)
  const port = await freePort()
  const tls = ['--tls-port', port, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert]
  const server = await redisServer({ settings: [...tls, '--tls-auth-clients', 'optional'] })
  t.teardown(() => server.stop())
  const store = await openRedis(t, { url: `rediss://localhost:${port}?ca=${cert}&cert=${cert}&key=${key}` })
  t.is((await store.write(freshKey(), creation())).status, 'written')
  const distrustful = redisStore({ url: `rediss://localhost:${port}`, openTimeoutMs: 1_000 })
  t.teardown(() => distrustful.close())
  const error = await t.throwsAsync(distrustful.open(), { instanceOf: StoreUnavailableError })
  t.regex(String(error?.cause), /certificate/)
})

onRedis('a URL without TLS at the port for TLS, and one with TLS at the plain port, are told as that', async (t) => {
  const { cert, key } = await pemFiles(t)
  const port = await freePort()
  const tls = ['--tls-port', port, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert]
  const server = await redisServer({ settings: [...tls] })
  t.teardown(() => server.stop())
  const refused = async (url: string): Promise<string | undefined> => {
    const store = redisStore({ url })
    t.teardown(() => store.close())
    return (await t.throwsAsync(store.open(), { instanceOf: StoreConfigError }))?.message
  }
  t.is(
    await refused(`redis://127.0.0.1:${port}`),
    `127.0.0.1:${port} answers, but only over TLS: its URL begins with rediss://`,
  )
  t.is(
    await refused(`rediss://127.0.0.1:${server.port}`),
    `127.0.0.1:${server.port} is Redis, but without TLS: its URL begins with redis://`,
  )
})

test('a file that can not be read is a wrong URL', (t) => {
  const message = /ca in the store's URL is '\/nowhere\.pem', which can't be read/
  t.throws(() => redisStore({ url: 'rediss://h?ca=/nowhere.pem' }), { instanceOf: StoreConfigError, message })
})
