import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { chooseStrategy } from '../../src/cli/command/choose-strategy.ts'
import { chooseStore, requireReplication } from '../../src/cluster/choose-store.ts'
import { type Config, readConfig, withoutPassword } from '../../src/config.ts'
import { serverKinds } from '../../src/cluster/servers/index.ts'
import { NoStoreError, UsageError } from '../../src/errors.ts'
import { findStrategy, type Strategy } from '../../src/strategies.ts'
import { scratch } from '../fixtures/open-lab.ts'

const bare: Config = { searchPath: '', endsWithParent: false, environment: {} }
const noWish = { strategy: undefined, store: undefined }

test('the default strategy uses no Redis', (t) => {
  const config = { ...bare, redisUrl: 'redis://127.0.0.1:6379', searchPath: searchPathWithRedis(scratch(t)) }
  for (const each of [bare, config]) {
    const { strategy, storeUrl, server } = chooseStrategy(noWish, each)
    t.like(strategy, { name: 'replicated', routing: 'round-robin' })
    t.deepEqual([storeUrl, server], [undefined, undefined])
  }
})

const redis = { ...noWish, strategy: 'redis' }

test("the user's Redis comes before a private one", (t) => {
  const config = { ...bare, redisUrl: 'redis://127.0.0.1:6379', searchPath: searchPathWithRedis(scratch(t)) }
  const choice = chooseStrategy(redis, config)
  t.like(choice, { strategy: { name: 'redis' }, storeUrl: 'redis://127.0.0.1:6379' })
  t.is(choice.server, undefined)
  t.like(choice.own, { variable: 'REDIS_URL', title: 'Redis' })
})

test('a redis-server on the PATH is started if the user has no Redis', (t) => {
  const directory = scratch(t)
  t.like(chooseStrategy(redis, { ...bare, searchPath: searchPathWithRedis(directory) }), {
    strategy: { name: 'redis' },
    server: { kind: { name: 'redis' }, program: `${directory}/redis-server` },
  })
})

test('a directory of that name is no redis-server', (t) => {
  const directory = scratch(t)
  mkdirSync(`${directory}/redis-server`)
  t.throws(() => chooseStrategy(redis, { ...bare, searchPath: directory }), { instanceOf: UsageError })
})

test('redis without a Redis is refused, with how to get one', (t) => {
  t.throws(() => chooseStrategy(redis, bare), {
    instanceOf: UsageError,
    message: /--strategy redis needs a Redis: install redis-server .*REDIS_URL.*--strategy replicated/,
  })
})

test('a fault that needs a private store server is refused without one', (t) => {
  t.throws(() => requireReplication(chooseStrategy(noWish, bare), '--replica on'), {
    instanceOf: UsageError,
    message:
      '--replica on needs a store server that the lab starts itself, as with --strategy redis; replicated has none',
  })
  t.throws(() => requireReplication(chooseStrategy({ ...noWish, strategy: 'database' }, bare), '--replica on'), {
    message: /; SQLite is a file: try --database postgres$/,
  })
  const own = chooseStrategy(redis, { ...bare, redisUrl: 'redis://u:secret@h:1' })
  t.throws(() => requireReplication(own, '--replica on'), { message: /; this one is at redis:\/\/u:\*\*\*@h:1$/ })
  const choice = chooseStrategy(redis, { ...bare, searchPath: searchPathWithRedis(scratch(t)) })
  t.notThrows(() => requireReplication(choice, '--replica on'))
})

const database = { ...noWish, strategy: 'database' }

test("database needs no server: it takes SQLite in the run's directory", (t) => {
  const { strategy, storeUrl, server } = chooseStrategy(database, bare)
  t.deepEqual([strategy.store, storeUrl, server], [{ file: 'ninelives-sessions.db' }, undefined, undefined])
})

test('--write behind is of hybrid, and is in the URL of its store', (t) => {
  const hybrid = { ...noWish, strategy: 'hybrid', database: 'sqlite', write: 'behind' } as const
  const { strategy } = chooseStrategy(hybrid, bare)
  t.is(strategy.over?.('sqlite:x.db'), 'hybrid:?over=sqlite%3Ax.db&write=behind')
  t.regex(strategy.onNodeDeath, /not written yet is lost/)
  t.is(chooseStrategy({ ...hybrid, write: 'through' }, bare).strategy.over?.('x'), 'hybrid:?over=x')
  t.throws(() => chooseStrategy({ ...noWish, strategy: 'redis', write: 'behind' }, bare), {
    message: '--write is for --strategy hybrid, not for redis',
  })
})

test("the user's database comes before SQLite, and --database before it", (t) => {
  const config = { ...bare, databaseUrl: 'postgres://h/shop' }
  t.like(chooseStrategy(database, config), { storeUrl: 'postgres://h/shop', own: { variable: 'DATABASE_URL' } })
  t.is(chooseStrategy({ ...database, database: 'sqlite' }, config).storeUrl, undefined)
  t.throws(() => chooseStrategy({ ...redis, database: 'sqlite' }, config), {
    message: '--database is for strategies over a database; redis has none',
  })
})

test('a private database that is not installed is refused, with how to get one', (t) => {
  t.throws(() => chooseStore({ ...known('database'), store: { server: 'memcached' } }, bare), {
    instanceOf: NoStoreError,
    message:
      /^--strategy database needs a Memcached: install memcached .*, or set MEMCACHED_URL=memcached:.* --strategy replicated$/,
  })
})

test('a strategy over another store takes the first that is there, and wraps its URL', (t) => {
  const strategy: Strategy = {
    ...known('database'),
    store: { server: 'redis' },
    otherwise: { file: 'sessions.db' },
    over: (url) => `near:${url}`,
  }
  t.deepEqual(chooseStore(strategy, bare).strategy.store, { file: 'sessions.db' })
  t.is(chooseStore(strategy, { ...bare, redisUrl: 'redis://h:1' }).storeUrl, 'near:redis://h:1')
  t.is(chooseStore(strategy, { ...bare, databaseUrl: 'mysql://h/x' }).storeUrl, 'near:mysql://h/x')
  const beside = chooseStore(strategy, { ...bare, searchPath: searchPathWithRedis(scratch(t)) })
  t.like(beside, { strategy: { store: { server: 'redis' } }, server: { kind: { name: 'redis' } } })
})

test('hybrid is over Redis, SQLite or PostgreSQL, and over no other database', (t) => {
  const hybrid = { ...noWish, strategy: 'hybrid' }
  t.throws(() => chooseStrategy({ ...hybrid, database: 'mariadb' }, bare), {
    message: '--strategy hybrid takes --database sqlite or postgres, and not mariadb',
  })
  t.is(chooseStrategy(hybrid, { ...bare, databaseUrl: 'mysql://h/shop' }).storeUrl, undefined)
  t.is(
    chooseStrategy(hybrid, { ...bare, databaseUrl: 'postgres://h/shop' }).storeUrl,
    'hybrid:?over=postgres%3A%2F%2Fh%2Fshop',
  )
  t.is(chooseStrategy(hybrid, { ...bare, databaseUrl: 'sqlite:/shop.db' }).storeUrl, 'hybrid:?over=sqlite%3A%2Fshop.db')
})

test('a failover needs a server that has replicas', (t) => {
  const server = { kind: serverKinds.memcached, program: 'memcached' }
  t.throws(() => requireReplication({ strategy: known('redis'), server }, '--replica on'), {
    message: '--replica on is impossible: Memcached has no replicas',
  })
})

test("the user's store replaces the strategy's, and its texts", (t) => {
  const { strategy, storeUrl } = chooseStrategy({ strategy: 'sticky', store: 'redis://u:secret@h:1' }, bare)
  t.is(storeUrl, 'redis://u:secret@h:1')
  t.like(strategy, { name: 'sticky', routing: 'affinity', onNodeDeath: 'sessions are in redis://u:***@h:1' })
  t.like(chooseStrategy({ ...noWish, store: './mine.ts' }, bare).strategy, { name: 'custom', routing: 'round-robin' })
})

test('a single node is not described as replicated', (t) => {
  const { strategy } = chooseStrategy({ ...noWish, nodes: 1 }, bare)
  t.regex(strategy.onNodeDeath, /^no other node has them, so its users are logged out/)
  t.regex(chooseStrategy({ ...noWish, nodes: 2 }, bare).strategy.onNodeDeath, /no user is logged out/)
  t.is(chooseStrategy({ ...noWish, strategy: 'sticky', nodes: 1 }, bare).strategy.name, 'sticky')
})

test('a bad REDIS_URL is refused by name, and an empty one counts as absent', (t) => {
  t.throws(() => readConfig({ REDIS_URL: 'http://u:secret@h' }), {
    instanceOf: UsageError,
    message: 'REDIS_URL is "http://u:***@h" and takes redis://HOST:PORT or rediss://HOST:PORT',
  })
  t.throws(() => readConfig({ DATABASE_URL: 'postgres' }), {
    message: /^DATABASE_URL is "postgres" and takes sqlite:FILE, /,
  })
  t.is(readConfig({ REDIS_URL: '' }).redisUrl, undefined)
})

test('a password is not shown', (t) => {
  t.is(withoutPassword('redis://:hunter2@h:1/0'), 'redis://:***@h:1/0')
  t.is(withoutPassword('memory:'), 'memory:')
  t.is(withoutPassword('./mine.ts'), './mine.ts')
})

test('the lab ends with npm or its launcher, and with no other parent', (t) => {
  t.true(readConfig({ npm_execpath: '/npm' }).endsWithParent)
  t.true(readConfig({ NINELIVES_LAUNCHER: '1' }).endsWithParent)
  t.false(readConfig({}).endsWithParent)
})

function searchPathWithRedis(directory: string): string {
  const file = `${directory}/redis-server`
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, 0o755)
  return `/nowhere:${directory}`
}

function known(name: string): Strategy {
  const strategy = findStrategy(name)
  if (strategy === undefined) throw new Error(`there is no strategy ${name}`)
  return strategy
}
