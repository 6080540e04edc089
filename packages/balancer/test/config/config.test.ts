import test from 'ava'
import { ConfigError, readConfig } from '../../src/config/config.ts'

const UPSTREAMS = 'a=http://127.0.0.1:21001,b=http://[::1]:21002'

test('everything but the upstreams has a default', (t) => {
  const config = readConfig({ UPSTREAMS })
  t.like(config, { host: '127.0.0.1', port: 8080, adminPort: undefined, routing: 'round-robin', drainMs: 10_000 })
  t.deepEqual(config.upstreams, [
    { name: 'a', url: 'http://127.0.0.1:21001', hostname: '127.0.0.1', port: 21_001 },
    { name: 'b', url: 'http://[::1]:21002', hostname: '::1', port: 21_002 },
  ])
  t.true(Object.isFrozen(config))
})

test('an empty variable is an absent one', (t) => {
  t.is(readConfig({ UPSTREAMS, PORT: '', ADMIN_PORT: ' ' }).port, 8080)
})

test('the affinity cookie is for TLS, unless NODE_ENV is development, test or not set', (t) => {
  for (const NODE_ENV of ['production', 'staging', 'prod'])
    t.true(readConfig({ UPSTREAMS, NODE_ENV }).cookieSecure, NODE_ENV)
  for (const NODE_ENV of ['development', 'test', '', undefined])
    t.false(readConfig({ UPSTREAMS, NODE_ENV }).cookieSecure, NODE_ENV)
  t.false(readConfig({ UPSTREAMS, NODE_ENV: 'production', COOKIE_SECURE: 'false' }).cookieSecure)
})

const refuses = test.macro({
  exec(t, env: Record<string, string>, message: RegExp) {
    const error = t.throws(() => readConfig({ UPSTREAMS, ...env }), { instanceOf: ConfigError })
    t.regex(error.message, message)
    t.false(error.message.includes('\n'))
  },
  title: (_given, env) => `refuses ${JSON.stringify(env)}`,
})

test(refuses, { UPSTREAMS: '' }, /^UPSTREAMS is missing, but takes name=http:\/\/host:port/)
test(refuses, { UPSTREAMS: 'http://127.0.0.1:1' }, /^UPSTREAMS is "http:\/\/127.0.0.1:1"/)
test(refuses, { UPSTREAMS: 'a=https://127.0.0.1:1' }, /^UPSTREAMS is/)
test(refuses, { UPSTREAMS: 'a=http://127.0.0.1:1/path' }, /^UPSTREAMS is/)
test(refuses, { UPSTREAMS: 'a=http://127.0.0.1:1,a=http://127.0.0.1:2' }, /each name and address once/)
test(refuses, { UPSTREAMS: 'a=http://127.0.0.1:1,b=http://127.0.0.1:1' }, /each name and address once/)
test(refuses, { UPSTREAMS: 'a=http://127.0.0.1:99999' }, /^UPSTREAMS is/)
test(refuses, { PORT: '80a' }, /^PORT is "80a", but takes a whole number from 0 to 65535\.$/)
test(refuses, { PORT: '65536' }, /^PORT is "65536"/)
test(refuses, { ADMIN_PORT: '-1' }, /^ADMIN_PORT is "-1"/)
test(refuses, { PROBE_FALL: '0' }, /^PROBE_FALL is "0"/)
test(
  refuses,
  { ROUTING: 'random' },
  /^ROUTING is "random", but takes round-robin \| least-busy \| affinity \| session-id\.$/,
)
test(refuses, { LOG_LEVEL: 'loud' }, /^LOG_LEVEL is "loud"/)
test(refuses, { COOKIE_SECURE: 'yes' }, /^COOKIE_SECURE is "yes", but takes true \| false\.$/)
test(refuses, { CLIENT_HEADERS_TIMEOUT_MS: '2000', CLIENT_REQUEST_TIMEOUT_MS: '1000' }, /^CLIENT_HEADERS_TIMEOUT_MS is/)

test(refuses, { TLS_CERT: 'cert.pem' }, /^TLS_KEY is missing/)
test(refuses, { TLS_KEY: 'key.pem' }, /^TLS_CERT is missing/)
test(refuses, { REDIRECT_PORT: '0' }, /^REDIRECT_PORT is set, but takes a value only beside TLS_CERT and TLS_KEY\.$/)
test(refuses, { PUBLIC_HOSTS: 'shop.example' }, /^PUBLIC_HOSTS is set, but takes a value only beside TLS_CERT/)
test(
  refuses,
  { PUBLIC_HOSTS: 'shop.example:443', TLS_CERT: 'c', TLS_KEY: 'k' },
  /^PUBLIC_HOSTS has "shop.example:443", but takes host names/,
)
test(refuses, { HSTS_MAX_AGE_S: '60' }, /^HSTS_MAX_AGE_S is set, but takes a value only beside TLS_CERT/)
test(refuses, { PROXY_PROTOCOL: 'true' }, /^PROXY_PROTOCOL is true, but takes true only beside TRUSTED_PROXIES/)
test(
  refuses,
  { TRUSTED_PROXIES: '10.0.0.0/8,10.0.0.0/33' },
  /^TRUSTED_PROXIES has "10\.0\.0\.0\/33", but takes addresses/,
)
test(refuses, { CLIENT_BODY_BYTES_MAX: '1e6' }, /^CLIENT_BODY_BYTES_MAX is "1e6"/)

test('clients have limits by default', (t) => {
  const config = readConfig({ UPSTREAMS })
  t.like(config, {
    tls: undefined,
    redirectPort: undefined,
    proxyProtocol: false,
    hstsMaxAgeS: 0,
    clientBodyBytesMax: 104_857_600,
    clientHeaderFieldsMax: 256,
    clientConnectionsPerAddressMax: 1_024,
  })
  t.deepEqual(config.trustedProxies, [])
})

test('where the balancer has a certificate, the affinity cookie is for TLS', (t) => {
  const env = { UPSTREAMS, TLS_CERT: 'cert.pem', TLS_KEY: 'key.pem' }
  t.true(readConfig(env).cookieSecure)
  t.false(readConfig({ ...env, COOKIE_SECURE: 'false' }).cookieSecure)
})

test('a short secret is refused, and not repeated', (t) => {
  const error = t.throws(() => readConfig({ UPSTREAMS, AFFINITY_KEYS: `${'k'.repeat(32)},hunter2` }))
  t.regex(error.message, /^AFFINITY_KEYS has a secret of 7 characters, but takes secrets of at least 32/)
  t.notRegex(error.message, /hunter2/)
})

test('the error names all faults at once', (t) => {
  const error = t.throws(() => readConfig({ UPSTREAMS: 'x', PORT: '-1', ROUTING: 'magic', HSTS_MAX_AGE_S: '9' }), {
    instanceOf: ConfigError,
  })
  t.deepEqual(error.faults.map(({ key }) => key).sort(), ['HSTS_MAX_AGE_S', 'PORT', 'ROUTING', 'UPSTREAMS'])
  t.is(error.message.split('\n').length, 4)
})

test('an admin port that others can reach needs a token', (t) => {
  const env = { UPSTREAMS, ADMIN_PORT: '1', ADMIN_HOST: '0.0.0.0' }
  t.throws(() => readConfig(env), { message: /^ADMIN_HOST is "0.0.0.0", but takes .* ADMIN_TOKEN\.$/ })
  t.is(readConfig({ ...env, ADMIN_TOKEN: 't'.repeat(16) }).adminHost, '0.0.0.0')
  const short = t.throws(() => readConfig({ UPSTREAMS, ADMIN_TOKEN: 'hunter2' }))
  t.notRegex(short.message, /hunter2/)
})

test('a missing file is a fault of its own', (t) => {
  t.throws(() => readConfig({ UPSTREAMS, CONFIG_FILE: '/no/such/file' }), {
    message: /^CONFIG_FILE is "\/no\/such\/file"/,
  })
})
