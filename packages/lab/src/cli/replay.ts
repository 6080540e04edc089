import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { initialState, reduce, type TraceProblem } from '@ninelives/history'
import type { Config } from '../config.ts'
import { replayServer } from '../control/replay-server.ts'
import { painter } from '../terminal/paint.ts'
import { Story } from '../terminal/story.ts'
import { runText } from '../terminal/verdict.ts'
import { visible } from '../terminal/visible.ts'
import { flagsHelp, integerFlag, switchFlag } from './command/flags.ts'
import { stopSignal, whenStopped } from './command/stop-signal.ts'
import { givenTrace, parseTraceArguments, TraceFile } from './command/trace-file.ts'
import { EXIT_INTERRUPTED } from '../errors.ts'
import { say } from '../terminal/say.ts'

const replayFlags = {
  speed: integerFlag(
    { min: 0, max: 1_000 },
    { placeholder: 'N', help: 'times the original speed, 0 without pauses (10)', otherwise: 10 },
  ),
  page: switchFlag('on the live page, with pause and scrubbing, until Ctrl-C; instead of in the terminal'),
  port: integerFlag(
    { min: 0, max: 65_535 },
    { placeholder: 'N', help: 'port of that page, 0 for any (4001)', otherwise: 4_001 },
  ),
}

const replayHelp = `ninelives replay TRACE [flags]

Shows what happened in a run, in the same words as up and with the same pauses. With --page, the
live page shows it, and says how to start a live cluster in the state of any instant.

${flagsHelp(replayFlags)}
Exits with 0 at its end, or where it can no longer be read; 1 if it is no trace; 130 after Ctrl-C.
`

/** Pauses so often, so that Ctrl-C works during a long trace without delays. */
const TURN_EVERY_EVENTS = 1_000
const EXIT_UNREADABLE = 1

/** Resolves with the exit code. */
export async function replay(args: readonly string[], { endsWithParent }: Config): Promise<number> {
  const given = parseTraceArguments('replay', replayFlags, args)
  if (given === 'help') {
    say(replayHelp)
    return 0
  }
  const { file, flags } = given
  const trace = givenTrace(file)
  const signal = stopSignal({ endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  if (flags.page) return await serve(trace, flags.port, signal)
  const story = new Story(painter(process.stdout))
  let state = initialState
  for (const event of trace.events) {
    const waitMs = flags.speed === 0 ? 0 : (event.atMs - state.atMs) / flags.speed
    if (waitMs >= 1) await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    else if (event.seq % TURN_EVERY_EVENTS === 0) await turn()
    if (signal.aborted) return EXIT_INTERRUPTED
    if (event.type === 'run-started') say(`${runText(event)}\n\n`)
    for (const line of story.tell(event, state)) say(`${line}\n`)
    state = reduce(state, event)
  }
  const { problem } = trace
  if (problem === undefined) return 0
  sayProblem(problem)
  return state === initialState ? EXIT_UNREADABLE : 0
}

/** The live page over the trace. Its last readable line, if the trace is broken, is told by the page, which reads all of it. */
async function serve(trace: TraceFile, port: number, signal: AbortSignal): Promise<number> {
  for (const first of trace.events) {
    if (first.type !== 'run-started') continue
    const server = await replayServer(() => new TraceFile(trace.path), port)
    say(`${runText(first)}\n\nThe replay: ${server.url}\nStop it with Ctrl-C.\n`)
    await whenStopped(signal)
    await server.close()
    return 0
  }
  if (trace.problem !== undefined) sayProblem(trace.problem)
  return EXIT_UNREADABLE
}

function sayProblem(problem: TraceProblem): void {
  say(`The trace can be read up to line ${problem.line}: ${visible(problem.reason)}\n`)
}
