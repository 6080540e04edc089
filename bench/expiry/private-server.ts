/** A server of the bench's own, in a directory of its own, from the lab's command for it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type findServer, freePort, until } from '@ninelives/lab'
import { startChild } from '../harness/processes/children.ts'

export interface PrivateServer {
  readonly url: string
  readonly stop: () => void
}

/** A database makes its directory first. */
const START_DEADLINE_MS = 60_000

export async function privateServer({
  kind,
  program,
}: NonNullable<ReturnType<typeof findServer>>): Promise<PrivateServer> {
  const directory = mkdtempSync(path.join(tmpdir(), 'ninelives-expiry-'))
  const port = await freePort()
  const [command = '', ...args] = kind.command({ program, port, directory })
  const child = startChild(command, args, { stdio: 'ignore' })
  const stop = (): void => {
    child.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
    child.kill('SIGKILL')
  }
  try {
    const answers = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error(`${kind.title} did not start on port ${port}`)
      return await kind.answers(port)
    }
    await until(answers, { deadlineMs: START_DEADLINE_MS, what: `${kind.title} on port ${port}` })
  } catch (error) {
    stop()
    throw error
  }
  return { url: kind.url(port), stop }
}
