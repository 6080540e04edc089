/** A private Redis on a free port, to be taken away and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { threadId } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'
import { until } from './until.ts'

export interface RedisServer {
  readonly url: string
  start(): Promise<void>
  kill(): Promise<void>
  /** In bytes; 0 is no limit. */
  limitMemory(bytesMax: number): Promise<void>
}

/** Undefined when redis-server can be run; otherwise how to get it. With CI=true its absence is a failure. */
export const redisMissing: string | undefined = (() => {
  if (spawnSync('redis-server', ['--version']).status === 0) return undefined
  const hint = "redis-server is not on the PATH (Debian: 'apt-get install redis-server')"
  if (process.env['CI'] === 'true') throw new Error(hint)
  return hint
})()

export async function redisServer(t: Pick<ExecutionContext, 'teardown'>): Promise<RedisServer> {
  const port = await freePort()
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    if (child === undefined) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    child = undefined
    await gone
  }
  const start = async (): Promise<void> => {
    const settings = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()]
    child = spawn('redis-server', settings.map(String), { stdio: 'ignore' })
    await until('redis-server to answer', () => answers(port))
  }
  t.teardown(kill)
  await start()
  const limitMemory = async (bytesMax: number): Promise<void> => {
    if (!(await answers(port, `CONFIG SET maxmemory ${bytesMax}`, '+OK'))) throw new Error('maxmemory was not set')
  }
  return { url: `redis://127.0.0.1:${port}`, start, kill, limitMemory }
}

function answers(port: number, command = 'PING', answer = '+PONG'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    socket.on('data', (chunk) => {
      resolve(chunk.toString().startsWith(answer))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
  })
}

/**
 * Ports for servers of tests, a hundred for each test file: files run side by side, and no other file may take the port of a server that is
 * to start, or to come back. All are below the range that a system hands out by itself, and so is the bus of a Redis Cluster's node.
 */
const FIRST_PORT = 11_000
const PORTS = 100
const FILES = 100
/** A test file is a thread. */
const first = FIRST_PORT + ((process.pid + threadId) % FILES) * PORTS
let taken = Math.floor(Math.random() * PORTS)

export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (taken++ % PORTS)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}
