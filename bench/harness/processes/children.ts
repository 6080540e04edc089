/** The processes that a bench starts. None of them outlives it, unless the bench is ended by SIGKILL. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'

const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export function startChild(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  // In a process group of its own: the terminal's Ctrl-C goes to the bench alone, which ends its children.
  const child = spawn(command, args, { ...options, detached: true })
  running.add(child)
  const forget = (): void => void running.delete(child)
  return child.once('exit', forget).once('error', forget)
}
