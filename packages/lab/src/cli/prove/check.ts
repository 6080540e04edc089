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
import type { Config } from '../../config.ts'
import { PRIVATE_FILE_MODE } from '../../make-directory.ts'
import type { RunReport } from '../../report/run-report.ts'
import { type Paint, painter } from '../../terminal/paint.ts'
import { crashText, type Frame, rateIn, verdictStory, verdictTable } from '../../terminal/verdict.ts'
import { visibleJson } from '../../terminal/visible.ts'
import { flagsHelp, switchFlag } from '../command/flags.ts'
import { givenTrace, parseTraceArguments, type TraceFile } from '../command/trace-file.ts'
import { handOn, type HandOn } from './hand-on.ts'
import { howLongKept } from '../../run-directory.ts'
import { say } from '../../terminal/say.ts'

export const EXIT_CODES: Readonly<Record<Verdict['verdict'], number>> = { valid: 0, invalid: 1, unknown: 3 }

const checkFlags = { json: switchFlag('the verdict as JSON, and nothing else') }

const checkHelp = `ninelives check TRACE [flags]

Judges a run again, from its trace: the verdict, its anomalies, and the shortest history that proves
the worst of them.

${flagsHelp(checkFlags)}
Exits with 0 when valid, 1 when invalid, 3 when unknown.
`

/** The schema version of `verdict.json` and of `--json`. */
const VERDICT_SCHEMA = 1

/** Resolves with the exit code. */
export function check(args: readonly string[], _config: Config): Promise<number> {
  const given = parseTraceArguments('check', checkFlags, args)
  if (given === 'help') {
    say(checkHelp)
    return Promise.resolve(0)
  }
  const { file, flags } = given
  const trace = givenTrace(file)
  if (!flags.json) return Promise.resolve(judgeFile(trace, painter(process.stdout)))
  const { verdict, frame } = judged(trace)
  process.stdout.write(asJson(verdict, frame))
  return Promise.resolve(EXIT_CODES[verdict.verdict])
}

/**
 * Prints the verdict and returns the exit code. Writes `verdict.json` and one trace of evidence for each kind of anomaly to that
 * directory.
 */
export function judgeFile(trace: TraceFile, paint: Paint, directory?: string, outputs?: Outputs): number {
  const run = reportOf(trace)
  const { verdict, frame } = run
  if (directory !== undefined)
    writeFileSync(path.join(directory, 'verdict.json'), asJson(verdict, frame), { mode: PRIVATE_FILE_MODE })
  say(`\n${verdictTable(verdict, frame, paint)}`)
  for (const crash of verdict.crashes) say(`\n${crashText(crash, paint)}`)
  for (const anomaly of verdict.anomalies) {
    const isWorst = anomaly === verdict.anomalies[0]
    if (!isWorst && directory === undefined) continue
    const evidence = run.evidence.get(anomaly.kind) ?? []
    if (isWorst) say(`\n${verdictStory(anomaly, evidence, frame.events, paint)}`)
    if (directory !== undefined) writeEvidence(path.join(directory, `anomaly-${anomaly.kind}.ndjson`), evidence)
  }
  say(`\nTrace: ${trace.path}${directory === undefined ? '' : howLongKept(directory)}\n`)
  if (outputs !== undefined) handOn(run, outputs.files, outputs.summary)
  return EXIT_CODES[verdict.verdict]
}

interface Outputs {
  readonly files: HandOn
  readonly summary: string | undefined
}

/** Judges a trace, and finds the shortest history of each anomaly. */
export function reportOf(trace: TraceFile): RunReport {
  const { verdict, frame } = judged(trace)
  const evidence = new Map(verdict.anomalies.map((each) => [each.kind, evidenceOf(trace.events, each)]))
  return { verdict, frame, evidence }
}

interface Judged {
  readonly verdict: Verdict
  readonly frame: Frame
}

function judged(trace: TraceFile): Judged {
  const frame: Frame = { events: [], whys: { failed: new Map(), unknown: new Map() } }
  return { verdict: judgeTrace(framed(trace, frame)), frame }
}

function asJson(verdict: Verdict, { events }: Frame): string {
  const start = events.find((event) => event.type === 'run-started')
  const { run, seed, strategy, users } = start ?? {}
  const about = { run, seed, strategy: strategy?.name, users, rate: rateIn(events) }
  return `${visibleJson({ schema: VERDICT_SCHEMA, ...about, ...verdict }, 2)}\n`
}

/** Passes the events through, and keeps the facts that the report needs. */
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
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: PRIVATE_FILE_MODE })
}
