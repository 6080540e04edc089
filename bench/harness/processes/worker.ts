/** A Node process of its own that says when it is ready, and answers one question at a time. */
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startChild } from './children.ts'

export interface Worker<Ready> {
  /** Its first message. */
  readonly ready: Ready
  /** Rejects when it fails, ends, or takes longer than ANSWER_DEADLINE_MS. */
  ask<Answer>(question: unknown): Promise<Answer>
  stop(): void
}

export interface WorkerSpec {
  /** For messages. */
  readonly name: string
  readonly file: URL
  readonly args?: readonly string[]
  readonly nodeOptions?: readonly string[]
  /** Its whole environment, beside NODE_ENV. */
  readonly env?: Readonly<Record<string, string>>
}

const ANSWER_DEADLINE_MS = 120_000

/** NODE_OPTIONS and DEBUG of the caller would change the measurement; libraries run in production mode. */
const ENVIRONMENT = { NODE_ENV: 'production' }

export async function worker<Ready>(spec: WorkerSpec): Promise<Worker<Ready>> {
  const { name, file, args = [], nodeOptions = [], env = {} } = spec
  const path = fileURLToPath(file)
  const child = startChild(process.execPath, [...nodeOptions, path, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...ENVIRONMENT, ...env },
  })
  return {
    ready: await nextMessage<Ready>(name, child),
    async ask<Answer>(question: unknown) {
      const answer = nextMessage<Answer>(name, child)
      child.send(question as object)
      return await answer
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

function nextMessage<T>(name: string, child: ChildProcess): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const heard = (message: T & { error?: string }): void => {
    if (message.error === undefined) resolve(message)
    else reject(new Error(`${name}: ${message.error}`))
  }
  const ended = (code: number | null, signal: string | null): void => {
    reject(new Error(`${name} ended with ${signal ?? code}`))
  }
  const late = (): void => reject(new Error(`${name} did not answer within ${ANSWER_DEADLINE_MS} ms`))
  const deadline = setTimeout(late, ANSWER_DEADLINE_MS)
  child.once('message', heard).once('exit', ended).once('error', reject)
  return promise.finally(() => {
    clearTimeout(deadline)
    child.off('message', heard).off('exit', ended).off('error', reject)
  })
}
