/** A node as a process of its own, as the lab and compose start it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { until } from './until.ts'

export interface NodeProcess {
  readonly process: ChildProcess
  /** Standard output as log lines, parsed. */
  readonly logged: Record<string, unknown>[]
  readonly stderr: () => string
  /** What it has sent over IPC so far. */
  readonly messages: unknown[]
  /** Resolves with where the node listens once it says that it is ready. */
  ready(): Promise<string>
  /** Resolves when the process has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

export interface NodeProcessOptions {
  /** Whether it is started with an IPC channel, as by a lab. */
  readonly ipc?: boolean
}

const MAIN = fileURLToPath(import.meta.resolve('@ninelives/node/main'))

export function nodeProcess(
  t: Pick<ExecutionContext, 'teardown'>,
  env: Readonly<Record<string, string>>,
  { ipc = true }: NodeProcessOptions = {},
): NodeProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', PASSWORD_COST: 'low', ACCOUNTS: '4', ...env },
    stdio: ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  const logged: Record<string, unknown>[] = []
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    const lines = stdout.split('\n')
    stdout = lines.pop() ?? ''
    logged.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>))
  })
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const messages: unknown[] = []
  child.on('message', (message) => messages.push(message))
  // Not 'close': it never comes once the IPC channel was closed from this side.
  const ended = Promise.all([once(child, 'exit'), drained(child.stdout), drained(child.stderr)]).then(([exit]) => {
    const [code, signal] = exit as [number | null, NodeJS.Signals | null]
    return { code, signal }
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    process: child,
    logged,
    stderr: () => stderr,
    messages,
    ended,
    ready: () =>
      until('the node to listen', () => {
        if (child.exitCode !== null) throw new Error(`the node ended with ${child.exitCode}: ${stderr}`)
        const listening = logged.find(({ event }) => event === 'listening')
        return listening?.['url'] as string | undefined
      }),
  }
}

async function drained(stream: Readable | null): Promise<void> {
  if (stream !== null) await finished(stream)
}
