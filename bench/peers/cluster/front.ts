/** A balancer that is not a Node program: this process starts it, and begins and ends with it. */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endWhenTold, type Environment, environment, ready } from '../program.ts'

export interface Front {
  readonly program: string
  /** `directory`: where it may write. */
  readonly configuration: (environment: Environment, directory: string) => string
  readonly args: (file: string, directory: string) => string[]
}

const LISTEN_EVERY_MS = 20

export async function front({ program, configuration, args }: Front): Promise<void> {
  const { port, upstreams } = environment
  // The same at each start, so that a killed process leaves no second one behind.
  const directory = join(tmpdir(), `ninelives-${program}-${port}`)
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'configuration')
  writeFileSync(file, configuration(environment, directory))
  // A node that was still starting would be left out for the first seconds.
  for (const upstream of upstreams) await listening(upstream.port)
  // In this process' group: a signal to the group ends both.
  const child = spawn(program, args(file, directory), { stdio: ['ignore', 'ignore', 'inherit'] })
  child.once('error', (error) => process.stderr.write(`${program}: ${error.message}\n`))
  child.once('exit', (code) => process.exit(code ?? 1))
  process.once('exit', () => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  endWhenTold(() => process.exit(0))
  await listening(port)
  ready(port)
}

/** The lab bounds this wait: it waits for the message for a limited time. */
async function listening(port: number): Promise<void> {
  while (!(await accepts(port))) await sleep(LISTEN_EVERY_MS)
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = createConnection(port, '127.0.0.1')
  socket.on('connect', () => {
    socket.destroy()
    resolve(true)
  })
  socket.on('error', () => resolve(false))
  return promise
}
