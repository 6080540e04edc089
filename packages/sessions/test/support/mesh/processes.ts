/** A mesh of processes with a relay between each two of them, so that a test can kill, pause and cut off nodes. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Capabilities, SessionStore } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import type { MemberStatus } from '../../../src/replication/member.ts'
import type { Answer, Order } from './process.ts'
import { type MeshRelay, meshRelay } from './relay.ts'
import { meshPort } from './ports.ts'

export interface MeshProcess extends SessionStore {
  readonly pid: number
  status(): Promise<MemberStatus>
  kill(): Promise<void>
  pause(): void
  resume(): void
}

export interface MeshProcesses {
  readonly names: readonly string[]
  node(name: string): MeshProcess
  /** A fresh process in its place, which may not serve yet. */
  start(name: string): Promise<MeshProcess>
  /** The relay between two of them. */
  between(one: string, other: string): MeshRelay
}

const program = fileURLToPath(new URL('process.ts', import.meta.url))

export const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: { excused: 'all nodes at once' },
  fences: 'held',
}

interface MeshOptions {
  readonly names?: readonly string[]
  /** All without it. */
  readonly started?: readonly string[]
  readonly scheme?: string
}

/** Those of `started` are opened; all are gone with the test. */
export async function meshProcesses(
  t: ExecutionContext,
  { names = ['a', 'b', 'c'], started = names, scheme = 'replicated:?' }: MeshOptions = {},
): Promise<MeshProcesses> {
  const ports = new Map<string, number>()
  for (const name of names) ports.set(name, await meshPort())
  const relays = new Map<string, MeshRelay>()
  for (const one of names) {
    // The node whose name comes first dials; the other only knocks.
    for (const other of names) if (one < other) relays.set(`${one}-${other}`, await meshRelay(t, ports.get(other) ?? 0))
  }
  const urlOf = (name: string): string => {
    const at = (other: string) => relays.get(`${name}-${other}`)?.port ?? ports.get(other)
    return `${scheme}peers=${names.map((other) => `${other}=127.0.0.1:${at(other)}`).join(',')}`
  }
  const nodes = new Map<string, MeshProcess>()
  const start = async (name: string): Promise<MeshProcess> => {
    const node = meshProcess(t, `${urlOf(name)}&listen=127.0.0.1:${ports.get(name)}&openTimeoutMs=60000`, name)
    nodes.set(name, node)
    return node
  }
  await Promise.all(started.map(async (name) => (await start(name)).open()))
  return {
    names,
    start,
    node: (name) => found(nodes.get(name), name),
    between: (one, other) => found(relays.get([one, other].sort().join('-')), `${one}-${other}`),
  }
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`)
  return value
}

function meshProcess(t: ExecutionContext, url: string, name: string): MeshProcess {
  const child: ChildProcess = fork(program, [url, name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let ids = 0
  let closed = false
  child.on('message', (answer: Answer) => {
    const { promise: _, resolve, reject } = waiting.get(answer.id) ?? Promise.withResolvers()
    waiting.delete(answer.id)
    if (!('message' in answer)) resolve(answer.value)
    else reject(answer.unavailable ? new StoreUnavailableError(name, answer.message) : new Error(answer.message))
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new StoreUnavailableError(name, 'its process is gone'))
  })
  t.teardown(() => child.kill('SIGKILL'))

  const ask = <T>(verb: Order['verb'], ...args: readonly unknown[]): Promise<T> => {
    if (!child.connected) return Promise.reject(new StoreUnavailableError(name, 'its process is gone'))
    const order: Order = { id: ++ids, verb, args }
    const answered = Promise.withResolvers<unknown>()
    waiting.set(order.id, answered)
    child.send(order)
    return answered.promise as Promise<T>
  }

  return {
    name,
    pid: child.pid ?? 0,
    capabilities,
    open: () => ask('open'),
    read: (key) => ask('read', key),
    write: (key, write) => ask('write', key, write),
    touch: (key, expiresAtMs) => ask('touch', key, expiresAtMs),
    destroy: (key, options) => ask('destroy', key, options),
    health: () => ask('health'),
    status: () => ask('status'),
    async close() {
      if (!closed) await ask('close')
      closed = true
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}
