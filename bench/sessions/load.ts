/** The load, from the side of the runner; the process that makes it is load-process.ts. */
import { worker } from '../harness/processes/worker.ts'

export const REQUEST_KINDS = ['read', 'write'] as const
export type RequestKind = (typeof REQUEST_KINDS)[number]

export type LoadTask =
  /** Opens a session for each user, on a connection of the user's own. */
  | { readonly task: 'begin'; readonly subject: string; readonly port: number; readonly users: number }
  /** So many requests, shared by the first `users` users, each with one in flight. */
  | {
      readonly task: 'run'
      readonly subject: string
      readonly kind: RequestKind
      readonly requests: number
      readonly users: number
    }

export interface LoadResult {
  /** Answered, and each with what its session must hold. */
  readonly requests: number
  readonly p50Micros: number
  readonly p99Micros: number
}

export interface Load {
  begin(subject: string, port: number, users: number): Promise<void>
  run(subject: string, kind: RequestKind, requests: number, users: number): Promise<LoadResult>
  stop(): void
}

export async function loadProcess(): Promise<Load> {
  const load = await worker({ name: 'the load', file: new URL('load-process.ts', import.meta.url) })
  const ask = (task: LoadTask) => load.ask<LoadResult>(task)
  return {
    async begin(subject, port, users) {
      await ask({ task: 'begin', subject, port, users })
    },
    run: (subject, kind, requests, users) => ask({ task: 'run', subject, kind, requests, users }),
    stop: () => load.stop(),
  }
}
