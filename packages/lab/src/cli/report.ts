import path from 'node:path'
import type { Config } from '../config.ts'
import { EXIT_CODES, reportOf } from './prove/check.ts'
import { handOn, handOnFlags, reportFlag } from './prove/hand-on.ts'
import { flagsHelp } from './command/flags.ts'
import { givenTrace, parseTraceArguments } from './command/trace-file.ts'
import { say } from '../terminal/say.ts'

const flags = { out: { ...reportFlag, help: 'where the page goes (report.html beside the trace)' }, ...handOnFlags }

const reportHelp = `ninelives report TRACE [flags]

Makes one HTML file of a run, from its trace: the verdict, what each fault met, what happened when,
and each anomaly as a diagram of the messages that prove it. It needs no network, and can be sent to
others.

${flagsHelp(flags)}
Exits with 0 when valid, 1 when invalid, 3 when unknown.
`

/** Resolves with the exit code. */
export function report(args: readonly string[], _config: Config): Promise<number> {
  const given = parseTraceArguments('report', flags, args)
  if (given === 'help') {
    say(reportHelp)
    return Promise.resolve(0)
  }
  const { file, flags: values } = given
  const run = reportOf(givenTrace(file))
  const page = values.out ?? path.join(path.dirname(file), 'report.html')
  handOn(run, { ...values, report: page })
  say(`${run.verdict.verdict}; the report: ${page}\n`)
  return Promise.resolve(EXIT_CODES[run.verdict.verdict])
}
