/** The processes that a bench starts: none of them outlives it, however it ends short of SIGKILL. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'

const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export function startChild(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  // Out of the terminal's group: a Ctrl-C is for the bench alone to answer, and ends the children by their ids.
  const child = spawn(command, args, { ...options, detached: true })
  running.add(child)
  const forget = (): void => void running.delete(child)
  return child.once('exit', forget).once('error', forget)
}
