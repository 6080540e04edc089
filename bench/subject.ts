/** One of the things compared: a process of its own that serves it, the load on it, and the CPU time that it takes. */
import type { Load, RequestKind } from './load.ts'
import type { BenchRedis } from './redis.ts'
import { worker } from './worker.ts'

export interface SubjectSpec {
  readonly name: string
  /** What its process runs. */
  readonly file: string
  readonly store: 'redis' | 'memory'
}

export interface Measured {
  readonly cpuMicrosPerRequest: number
  readonly p50Micros: number
  readonly p99Micros: number
}

export interface Subject {
  readonly name: string
  /** What one turn of load took. */
  measure(kind: RequestKind, requests: number): Promise<Measured>
  /** How often it asks Redis and waits for it, for one request that is alone; undefined where that can't be counted. */
  roundTrips(kind: RequestKind): Promise<number | undefined>
  stop(): void
}

/** Each has a session and a connection of its own, and one request in flight. */
export const USERS = 8
const ROUND_TRIP_REQUESTS = 50

export async function startSubject(spec: SubjectSpec, redis: BenchRedis, load: Load): Promise<Subject> {
  const { name, file, store } = spec
  const server = await worker<{ port: number }>({ name, file, args: [store === 'redis' ? redis.url : 'memory:'] })
  await load.begin(name, server.ready.port, USERS)
  const cpuMicros = async () => (await server.ask<{ cpuMicros: number }>('cpu')).cpuMicros

  return {
    name,
    async measure(kind, requests) {
      const before = await cpuMicros()
      const { requests: answered, p50Micros, p99Micros } = await load.run(name, kind, requests, USERS)
      return { cpuMicrosPerRequest: ((await cpuMicros()) - before) / answered, p50Micros, p99Micros }
    },
    async roundTrips(kind) {
      const before = await redis.readsSoFar()
      await load.run(name, kind, ROUND_TRIP_REQUESTS, 1)
      const after = await redis.readsSoFar()
      if (before === undefined || after === undefined) return undefined
      // The second count is itself something that the server has read.
      return Math.max(0, after - before - 1) / ROUND_TRIP_REQUESTS
    },
    stop: () => server.stop(),
  }
}
