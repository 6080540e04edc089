/** The Redis of `--strategy redis`: the user's own, or a private one that ends with the lab. */
import { accessSync, constants, statSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withoutPassword } from '../config.ts'
import { LabError } from '../errors.ts'
import { makeDirectory } from '../make-directory.ts'
import type { ChildSpec } from '../supervise/child.ts'
import { LOOPBACK } from '../supervise/ports.ts'

const PING_TIMEOUT_MS = 1_000
const FIND_ATTEMPTS_MAX = 8
const FIND_EVERY_MS = 1_000

/** Finds a program on the PATH. */
export function findOnPath(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(path.delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => path.join(directory, name))
    .find((file) => isExecutable(file))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    // It does not exist, or is not executable.
    return false
  }
}

export interface RedisOptions {
  readonly program: string
  readonly label: 'redis' | 'replica'
  readonly port: number
  /** The port of its primary, if it is a replica. */
  readonly follows?: number | undefined
}

/** A replica keeps its data at a promotion, and syncs without delay. */
const FOLLOWER = { 'replica-serve-stale-data': 'yes', 'repl-diskless-load': 'on-empty-db' }

/** It writes nothing to disk, and listens on loopback only. */
export function privateRedis(
  { program, label, port, follows }: RedisOptions,
  directory: string,
  environment: NodeJS.ProcessEnv,
): ChildSpec {
  const workDirectory = path.join(directory, label)
  makeDirectory(workDirectory)
  const options = {
    port: String(port),
    bind: LOOPBACK,
    'protected-mode': 'yes',
    save: '',
    appendonly: 'no',
    dir: workDirectory,
    daemonize: 'no',
    'repl-diskless-sync-delay': '0',
    ...(follows === undefined ? {} : FOLLOWER),
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  if (follows !== undefined) args.push('--replicaof', LOOPBACK, String(follows))
  return { label, command: program, args, environment, channel: false }
}

/** Whether a Redis answers on that port. */
export async function pingRedis(port: number): Promise<boolean> {
  return (await askRedis(port, ['PING'])) === '+PONG'
}

/**
 * Redis' raw reply to a command; empty without a reply. Done without a client library, as loading one takes longer than Redis
 * takes to start.
 */
export function askRedis(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port })
    let answer = ''
    const done = (): void => {
      socket.destroy()
      resolve(answer.trimEnd())
    }
    socket.setEncoding('utf8').setTimeout(PING_TIMEOUT_MS, done)
    socket.on('connect', () => socket.end(`${words.join(' ')}\r\n`))
    socket.on('data', (text: string) => (answer += text))
    socket.on('error', done)
    socket.on('end', done)
  })
}

/** Resolves when the Redis at the URL answers. Tries for a bounded time, and logs once that it waits. */
export async function requireRedis(url: string, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const shown = withoutPassword(url)
  for (let attempt = 1; ; attempt++) {
    const reason = await tryRedis(url)
    if (reason === undefined || signal.aborted) return
    if (attempt === FIND_ATTEMPTS_MAX) {
      throw new LabError(
        'REDIS_UNAVAILABLE',
        1,
        `no answer from Redis at ${shown} (REDIS_URL) after ${attempt} tries: ${reason}`,
      )
    }
    if (attempt === 1) say(`waiting for Redis at ${shown}: ${reason}`)
    await sleep(FIND_EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Undefined if it answered, else the reason. */
async function tryRedis(url: string): Promise<string | undefined> {
  const { Redis } = await import('ioredis')
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: PING_TIMEOUT_MS })
  // If the connection failed, the rejection only says that it is closed; this error says why.
  let reason: string | undefined
  client.on('error', (error: Error) => (reason = error.message))
  try {
    await client.connect()
    await client.ping()
    return undefined
  } catch (error) {
    return reason ?? (error as Error).message
  } finally {
    client.disconnect()
  }
}
