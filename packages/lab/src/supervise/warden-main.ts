/**
 * The warden outlives the lab by a moment. It reads "+pid" and "-pid" from a pipe that only the lab holds. The pipe ends with
 * the lab, however that was killed, and then the warden sends SIGKILL to every process on the list: also to a node that is
 * paused by SIGSTOP, and to a redis-server, which would run on otherwise.
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
  // The pid may have been reused.
  if (startMark(pid) === mark) signalGroup(pid, 'SIGKILL')
}

function watch(pid: number): void {
  const mark = startMark(pid)
  if (mark !== undefined) marks.set(pid, mark)
}
