import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ConfigError, readConfig } from '../src/config.ts'

const KEY = 'k'.repeat(32)

test('a node needs no configuration', (t) => {
  t.deepEqual(readConfig({}), {
    nodeName: 'a',
    host: '127.0.0.1',
    port: 8081,
    storeUrl: 'memory:',
    meshSecret: undefined,
    sessionKeys: undefined,
    cookieSecure: false,
    accounts: 100,
    sessionPaddingBytes: 0,
    passwordCost: 'standard',
    idleTimeoutMs: 1_800_000,
    lab: undefined,
    admin: undefined,
    visitorIdleTimeoutMs: 900_000,
    absoluteTimeoutMs: 86_400_000,
    drainNoticeMs: 600,
    drainMs: 10_000,
    storeWaitMs: undefined,
    throttleLogins: true,
    throttleVisitors: true,
    proxiesInFront: 0,
    labUrl: undefined,
    logLevel: 'info',
  })
  t.true(Object.isFrozen(readConfig({})))
})

test('empty counts as absent', (t) => {
  t.deepEqual(readConfig({ PORT: '', SESSION_KEYS: ' ', STORE: '', COOKIE_SECURE: '' }), readConfig({}))
})

test('every variable is read', (t) => {
  const config = readConfig({
    NODE_NAME: 'node-b',
    PORT: '0',
    SESSION_KEYS: `${KEY}, ${KEY}2`,
    COOKIE_SECURE: 'true',
    IDLE_TIMEOUT_S: '60',
    MESH_SECRET: `${KEY}3`,
  })
  t.like(config, { nodeName: 'node-b', meshSecret: `${KEY}3`, port: 0, cookieSecure: true, idleTimeoutMs: 60_000 })
  t.deepEqual(config.sessionKeys, [KEY, `${KEY}2`])
})

test('secrets may stand in files, and are never repeated back', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-config-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const path = join(directory, 'secret')
  await writeFile(path, `redis://shop:hunter2@10.0.0.1:6379\n`)
  t.is(readConfig({ STORE_FILE: path }).storeUrl, 'redis://shop:hunter2@10.0.0.1:6379')
  await writeFile(path, `${KEY}, ${KEY}2\n`)
  t.deepEqual(readConfig({ SESSION_KEYS_FILE: path }).sessionKeys, [KEY, `${KEY}2`])
  await writeFile(path, `${KEY}\n`)
  t.is(readConfig({ MESH_SECRET_FILE: path }).meshSecret, KEY)
  t.throws(() => readConfig({ MESH_SECRET_FILE: path, MESH_SECRET: KEY }), {
    instanceOf: ConfigError,
    message: /^MESH_SECRET_FILE is set beside MESH_SECRET/,
  })
  t.throws(() => readConfig({ STORE_FILE: `${path}.gone` }), {
    instanceOf: ConfigError,
    message: /^STORE_FILE is ".*secret\.gone", which can't be read \(ENOENT\)/,
  })
})

test('the cookie is for https only, unless NODE_ENV is development, test or not set', (t) => {
  for (const NODE_ENV of ['production', 'staging', 'prod'])
    t.true(readConfig({ NODE_ENV, SESSION_KEYS: KEY }).cookieSecure, NODE_ENV)
  for (const NODE_ENV of ['development', 'test', '', undefined])
    t.false(readConfig({ NODE_ENV }).cookieSecure, NODE_ENV)
  t.false(readConfig({ NODE_ENV: 'staging', SESSION_KEYS: KEY, COOKIE_SECURE: 'false' }).cookieSecure)
})

for (const NODE_ENV of ['production', 'staging']) {
  test(`${NODE_ENV} requires keys, a secure cookie and the standard password cost`, (t) => {
    t.true(readConfig({ NODE_ENV, SESSION_KEYS: KEY }).cookieSecure)
    t.throws(() => readConfig({ NODE_ENV }), {
      instanceOf: ConfigError,
      message: /^SESSION_KEYS is missing/,
    })
    t.throws(() => readConfig({ NODE_ENV, SESSION_KEYS: KEY, PASSWORD_COST: 'low' }), {
      message: new RegExp(`^PASSWORD_COST is "low"; .*${NODE_ENV}`),
    })
  })
}

for (const [key, value, takes] of [
  ['PORT', '80801', 'from 0 to 65535'],
  ['PORT', '80.5', 'whole number'],
  ['PORT', '-1', 'from 0'],
  ['PORT', '1e3', 'whole number'],
  ['PORT', '0x10', 'whole number'],
  ['NODE_NAME', 'two words', 'letters'],
  ['NODE_NAME', 'a\nb', 'letters'],
  ['COOKIE_SECURE', 'yes', 'true or false'],
  ['PASSWORD_COST', 'cheap', 'standard or low'],
  ['ACCOUNTS', '0', 'from 1'],
  ['LOG_LEVEL', 'loud', 'debug'],
  ['IDLE_TIMEOUT_S', '0', 'from 1'],
  ['DRAIN_MS', 'soon', 'whole number'],
] as const) {
  test(`refused in one line that names key, value and what it takes: ${key}=${JSON.stringify(value)}`, (t) => {
    const error = t.throws(() => readConfig({ [key]: value }), { instanceOf: ConfigError, code: 'CONFIG' })
    t.true(error.message.startsWith(`${key} is ${JSON.stringify(value)}; it takes `))
    t.true(error.message.includes(takes))
    t.false(error.message.includes('\n'))
  })
}

test('a short secret is refused, and not repeated', (t) => {
  const error = t.throws(() => readConfig({ SESSION_KEYS: `${KEY},hunter2` }), { instanceOf: ConfigError })
  t.regex(error.message, /^SESSION_KEYS is a list with a secret of 7 characters; it takes secrets of 32/)
  t.notRegex(error.message, /hunter2|kkk/)
  t.throws(() => readConfig({ MESH_SECRET: 'hunter2' }), {
    message: /^MESH_SECRET is a secret of 7 characters; it takes a secret of 32/,
  })
  t.throws(() => readConfig({ ADMIN_TOKEN: 'hunter2' }), {
    message: 'ADMIN_TOKEN is a secret of 7 characters; it takes at least 16 visible ones of ASCII.',
  })
})
