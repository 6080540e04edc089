import { LOOPBACK } from '../../supervise/ports.ts'
import { askLines } from './ask-lines.ts'
import { findOnPath } from './find-program.ts'
import type { ServerKind } from './server-kind.ts'

/** A replica keeps its data at a promotion, and syncs without delay. */
const FOLLOWER = { 'replica-serve-stale-data': 'yes', 'repl-diskless-load': 'on-empty-db' }

/** It writes nothing to disk. */
export const redis: ServerKind = {
  name: 'redis',
  title: 'Redis',
  install: 'install redis-server (apt-get install redis-server, brew install redis)',
  variable: 'REDIS_URL=redis://HOST:PORT',
  find: (searchPath) => findOnPath('redis-server', searchPath),
  url: (port) => `redis://${LOOPBACK}:${port}`,

  command({ program, port, directory, follows }) {
    const options = {
      port: String(port),
      bind: LOOPBACK,
      'protected-mode': 'yes',
      save: '',
      appendonly: 'no',
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
}

/** Redis' raw reply to a command; empty without a reply. */
export function askRedis(port: number, ...words: readonly string[]): Promise<string> {
  return askLines(port, [words.join(' ')])
}
