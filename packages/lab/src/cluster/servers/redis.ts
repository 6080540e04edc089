import { LOOPBACK } from '../../supervise/ports.ts'
import { askLines } from './ask-lines.ts'
import { findOnPath } from './find-program.ts'
import type { ServerKind } from './server-kind.ts'

/** A replica keeps its data at a promotion, and syncs without delay. */
const FOLLOWER = { 'replica-serve-stale-data': 'yes', 'repl-diskless-load': 'on-empty-db' }

/** It writes nothing to disk, except with a durability. */
export const redis: ServerKind = {
  name: 'redis',
  title: 'Redis',
  install: 'install redis-server (apt-get install redis-server, brew install redis)',
  variable: 'REDIS_URL=redis://HOST:PORT',
  find: (searchPath) => findOnPath('redis-server', searchPath),
  url: (port) => `redis://${LOOPBACK}:${port}`,

  command({ program, port, directory, follows, durability = 'none' }) {
    const options = {
      port: String(port),
      bind: LOOPBACK,
      'protected-mode': 'yes',
      save: '',
      ...(durability === 'none' ? { appendonly: 'no' } : { appendonly: 'yes', appendfsync: durability }),
      dir: directory,
      daemonize: 'no',
      'repl-diskless-sync-delay': '0',
      ...(follows === undefined ? {} : FOLLOWER),
    }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    return [program, ...args, ...(follows === undefined ? [] : ['--replicaof', LOOPBACK, String(follows)])]
  },

  answers: async (port) => (await askRedis(port, 'PING')) === '+PONG',

  replication: {
    isPrimary: async (port) => (await askRedis(port, 'INFO', 'replication')).includes('role:master'),
    isInSync: async (port) => (await askRedis(port, 'INFO', 'replication')).includes('master_link_status:up'),
    promote: async (port) => (await askRedis(port, 'REPLICAOF', 'NO', 'ONE')) === '+OK',
  },

  amnesia: {
    async forget(port, mark) {
      await askRedis(port, 'SET', `ninelives:lab:${mark}`, '1')
      return (await askRedis(port, 'FLUSHALL', 'SYNC')) === '+OK'
    },
    isForgotten: async (port, mark) => (await askRedis(port, 'EXISTS', `ninelives:lab:${mark}`)) === ':0',
  },

  eviction: { evict, evicted },
  fullDisk: {
    files: 'appendonlydir/',
    recover: async (port) => (await askRedis(port, 'INFO', 'persistence')).includes('aof_last_write_status:ok'),
  },
  power: true,
  durabilities: ['none', 'everysec', 'always'],
}

/** The least that is evicted at once, so that most sessions stay. */
const EVICTED_BYTES = 16_384
const EVICTED_BYTES_MAX = 1_048_576

/** The limit stays below what is used only until some keys are gone, as its own memory counts too and can't be evicted. */
async function evict(port: number): Promise<boolean> {
  const before = await evicted(port)
  await askRedis(port, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random')
  for (let bytes = EVICTED_BYTES; bytes <= EVICTED_BYTES_MAX && (await evicted(port)) === before; bytes *= 2) {
    const used = Number(/used_memory:(\d+)/.exec(await askRedis(port, 'INFO', 'memory'))?.[1] ?? 0)
    await askRedis(port, 'CONFIG', 'SET', 'maxmemory', String(Math.max(1, used - bytes)))
    await askRedis(port, 'CONFIG', 'SET', 'maxmemory', '0')
  }
  await askRedis(port, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  return (await evicted(port)) > before
}

async function evicted(port: number): Promise<number> {
  return Number(/evicted_keys:(\d+)/.exec(await askRedis(port, 'INFO', 'stats'))?.[1] ?? 0)
}

/** Redis' raw reply to a command; empty without a reply. */
export function askRedis(port: number, ...words: readonly string[]): Promise<string> {
  return askLines(port, [words.join(' ')])
}
