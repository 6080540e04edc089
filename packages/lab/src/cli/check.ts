import { writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  evidenceOf,
  judgeTrace,
  type OperationEnded,
  type ReadTrace,
  type TraceEvent,
  type Verdict,
} from '@ninelives/history'
import type { Config } from '../config.ts'
import { type Paint, painter } from '../terminal/paint.ts'
import { crashText, type Frame, verdictStory, verdictTable } from '../terminal/verdict.ts'
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
  const frame: Frame = { events: [], whys: { failed: new Map(), unknown: new Map() } }
  const verdict = judgeTrace(framed(trace, frame))
  process.stdout.write(`\n${verdictTable(verdict, frame, paint)}`)
  for (const crash of verdict.crashes) process.stdout.write(`\n${crashText(crash, paint)}`)
  for (const anomaly of verdict.anomalies) {
    const isWorst = anomaly === verdict.anomalies[0]
    if (!isWorst && directory === undefined) continue
    const evidence = evidenceOf(trace.events, anomaly)
    if (isWorst) process.stdout.write(`\n${verdictStory(anomaly, evidence, frame.events, paint)}`)
    if (directory !== undefined) writeEvidence(path.join(directory, `anomaly-${anomaly.kind}.ndjson`), evidence)
  }
  process.stdout.write(`\nTrace: ${file}\n`)
  return EXIT_CODES[verdict.verdict]
}

/** The same, and what is to be told of it is kept on the way. */
function framed(trace: TraceFile, { events: kept, whys }: Frame): ReadTrace {
  function* events(): Generator<TraceEvent> {
    for (const event of trace.events) {
      if (event.type === 'operation-ended') countWhy(whys, event)
      else if (event.type !== 'operation-sent') kept.push(event)
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

function countWhy(whys: Frame['whys'], { outcome, why }: OperationEnded): void {
  if (outcome !== 'ok' && why !== undefined) whys[outcome].set(why, (whys[outcome].get(why) ?? 0) + 1)
}

/** A trace counts its events from 0. */
function writeEvidence(file: string, events: readonly TraceEvent[]): void {
  const end: TraceEvent = { seq: 0, atMs: events.at(-1)?.atMs ?? 0, type: 'run-ended', reason: 'all that is needed' }
  const lines = [...events, end].map((event, seq) => JSON.stringify({ ...event, seq }))
  writeFileSync(file, `${lines.join('\n')}\n`)
}
