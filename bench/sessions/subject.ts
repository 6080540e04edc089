/** One of the subjects: its process, the load on it, and the CPU time that it takes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Measured } from '../harness/experiment.ts'
import type { Load, RequestKind } from './load.ts'
import { type Worker, worker } from '../harness/processes/worker.ts'

/** The store's URL, by the URL of the Redis and the path of a new file. */
const STORES = {
  redis: (redisUrl: string) => redisUrl,
  memory: () => 'memory:',
  token: () => 'token:',
  // Each cookie is opened anew, as for a user whose last request went to another node.
  'token-unknown': () => 'token:?cacheBytesMax=1',
  hybrid: (redisUrl: string) => `hybrid:?over=${encodeURIComponent(redisUrl)}`,
  sqlite: (_: string, file: string) => `sqlite:${file}?synchronous=NORMAL`,
  'sqlite-full': (_: string, file: string) => `sqlite:${file}`,
  postgres: () => String(process.env['DATABASE_URL']),
  'postgres-off': () => {
    const url = String(process.env['DATABASE_URL'])
    return `${url}${url.includes('?') ? '&' : '?'}synchronousCommit=off`
  },
}

export interface SubjectSpec {
  readonly name: string
  /** The program, in `peers/`. */
  readonly file: string
  readonly store: keyof typeof STORES
}

export interface Subject {
  readonly name: string
  /** One turn of load. */
  measure(kind: RequestKind, requests: number): Promise<Measured>
  stop(): void
}

/** Each has a session and a connection of its own, and one request in flight. */
export const USERS = 8

export async function startSubject(spec: SubjectSpec, redisUrl: string, load: Load): Promise<Subject> {
  const { name } = spec
  const server = await startServer(spec, redisUrl)
  await load.begin(name, server.ready.port, USERS)
  const cpuMicros = async () => (await server.ask<{ cpuMicros: number }>('cpu')).cpuMicros

  return {
    name,
    async measure(kind, requests) {
      const before = await cpuMicros()
      const { requests: answered, p50Micros, p99Micros } = await load.run(name, kind, requests, USERS)
      return { cpuMicrosPerRequest: ((await cpuMicros()) - before) / answered, p50Micros, p99Micros }
    },
    stop: () => server.stop(),
  }
}

/** The process alone, without load. */
export async function startServer(spec: SubjectSpec, redisUrl: string): Promise<Worker<{ port: number }>> {
  const { name, file, store } = spec
  const program = new URL(`../peers/${file}`, import.meta.url)
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const url = STORES[store](redisUrl, join(directory, 'sessions.db'))
  const server = await worker<{ port: number }>({ name, file: program, args: [url] })
  return {
    ...server,
    stop() {
      server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
