/**
 * The warden outlives the lab by a moment. It reads "+pid" and "-pid" from a pipe that only the lab holds; the pipe ends
 * when the lab does, however it was killed, and what is still on the list is then ended by SIGKILL. That gets a node
 * that SIGSTOP keeps from noticing anything, and a redis-server, which would not mind being left alone.
 */
import { createInterface } from 'node:readline'
import { signalGroup, startMark } from './process-table.ts'

const marks = new Map<number, string>()

process.title = 'ninelives-warden'
for await (const line of createInterface(process.stdin)) {
  const pid = Number(line.slice(1))
  if (line.startsWith('-')) marks.delete(pid)
  else watch(pid)
}
for (const [pid, mark] of marks) {
  // By now the pid may belong to a stranger.
  if (startMark(pid) === mark) signalGroup(pid, 'SIGKILL')
}

function watch(pid: number): void {
  const mark = startMark(pid)
  if (mark !== undefined) marks.set(pid, mark)
}
