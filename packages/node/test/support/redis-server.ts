/** A private Redis on a free port, to be taken away and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
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

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
