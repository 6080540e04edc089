/** The judge in a process of its own: reads a trace from stdin, and reports the cost. */
import { Judge, type TraceEvent } from '@ninelives/history'

/** Printed at the end, as JSON. */
export interface Judged {
  readonly cpuMicros: number
  /** The maximum of the whole process. */
  readonly megabytes: number
  readonly ok: number
  readonly anomalies: number
}

if (import.meta.main) {
  const judge = new Judge()
  let cpuMicros = 0
  let rest = ''
  process.stdin.setEncoding('utf8')
  for await (const text of process.stdin) {
    const lines = (rest + String(text)).split('\n')
    rest = lines.pop() ?? ''
    const events = lines.map((line) => JSON.parse(line) as TraceEvent)
    const before = process.threadCpuUsage()
    for (const event of events) judge.take(event)
    const { user, system } = process.threadCpuUsage(before)
    cpuMicros += user + system
  }
  const { anomalies, operations } = judge.verdict()
  const megabytes = process.resourceUsage().maxRSS / 1024
  const judged: Judged = { cpuMicros, megabytes, ok: operations.ok, anomalies: anomalies.length }
  process.stdout.write(JSON.stringify(judged))
}
