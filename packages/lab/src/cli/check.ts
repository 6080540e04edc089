import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { evidenceOf, judgeTrace, type ReadTrace, type TraceEvent, type Verdict } from '@ninelives/history'
import type { Config } from '../config.ts'
import { type Paint, painter } from '../terminal/paint.ts'
import { verdictStory, verdictTable } from '../terminal/verdict.ts'
import { parseOfTrace, TraceFile } from './trace-file.ts'

export const EXIT_CODES: Readonly<Record<Verdict['verdict'], number>> = { valid: 0, invalid: 1, unknown: 3 }

const checkHelp = `ninelives check TRACE

Judges a run again, from its trace: the verdict, its anomalies, and the shortest history that proves the worst of them.
Exits with 0 when valid, 1 when invalid, 3 when unknown.
`

/** Resolves with the exit code. */
export function check(args: readonly string[], _config: Config): Promise<number> {
  const given = parseOfTrace('check', {}, args)
  if (given === 'help') {
    process.stdout.write(checkHelp)
    return Promise.resolve(0)
  }
  return Promise.resolve(judgeFile(given.file, painter(process.stdout)))
}

/** Prints the verdict and returns the exit code. Evidence goes into that directory, a trace for each kind of anomaly. */
export function judgeFile(file: string, paint: Paint, directory?: string): number {
  const trace = new TraceFile(file)
  const frame: TraceEvent[] = []
  const verdict = judgeTrace(framed(trace, frame))
  process.stdout.write(`\n${verdictTable(verdict, frame, paint)}`)
  for (const anomaly of verdict.anomalies) {
    const isWorst = anomaly === verdict.anomalies[0]
    if (!isWorst && directory === undefined) continue
    const evidence = evidenceOf(trace.events, anomaly)
    if (isWorst) process.stdout.write(`\n${verdictStory(anomaly, evidence, frame, paint)}`)
    if (directory !== undefined) writeEvidence(path.join(directory, `anomaly-${anomaly.kind}.ndjson`), evidence)
  }
  process.stdout.write(`\nTrace: ${file}\n`)
  return EXIT_CODES[verdict.verdict]
}

/** The same, and all that is no operation is kept on the way: the start, the faults, the lives of the nodes. */
function framed(trace: TraceFile, frame: TraceEvent[]): ReadTrace {
  function* events(): Generator<TraceEvent> {
    for (const event of trace.events) {
      if (event.type !== 'operation-sent' && event.type !== 'operation-ended') frame.push(event)
      yield event
    }
  }
  return {
    events: events(),
    get problem() {
      return trace.problem
    },
  }
}

/** A trace counts its events from 0. */
function writeEvidence(file: string, events: readonly TraceEvent[]): void {
  const end: TraceEvent = { seq: 0, atMs: events.at(-1)?.atMs ?? 0, type: 'run-ended', reason: 'all that is needed' }
  const lines = [...events, end].map((event, seq) => JSON.stringify({ ...event, seq }))
  writeFileSync(file, `${lines.join('\n')}\n`)
}
