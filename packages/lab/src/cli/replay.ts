import { setTimeout as sleep } from 'node:timers/promises'
import { decodeTrace, initialState, reduce } from '@ninelives/history'
import type { Config } from '../config.ts'
import { painter } from '../terminal/paint.ts'
import { Story } from '../terminal/story.ts'
import { readTrace, wantsTrace } from './check.ts'
import { flagsHelp, integerFlag, parseFlags } from './flags.ts'
import { stopSignal } from './stop-signal.ts'

const replayFlags = {
  speed: integerFlag(
    { min: 0, max: 1_000 },
    { placeholder: 'N', help: 'times as fast as it was, 0 for all at once (10)', otherwise: 10 },
  ),
}

const replayHelp = `ninelives replay TRACE [flags]

Tells what happened in a run, in the words of the terminal and with the pauses between.

${flagsHelp(replayFlags)}`

const EXIT_INTERRUPTED = 130

/** Resolves with the exit code. */
export async function replay(args: readonly string[], { endsWithParent }: Config): Promise<number> {
  const [file, ...rest] = args
  const flags = parseFlags('replay', replayFlags, file === '--help' || file === '-h' ? ['--help'] : rest)
  if (flags === 'help') return say(replayHelp)
  if (file === undefined || file.startsWith('-')) throw wantsTrace('replay')
  const { events, problem } = decodeTrace(readTrace(file))
  const signal = stopSignal({ endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  const story = new Story(painter(process.stdout))
  let state = initialState
  for (const event of events) {
    const waitMs = flags.speed === 0 ? 0 : (event.atMs - state.atMs) / flags.speed
    if (waitMs >= 1) await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return EXIT_INTERRUPTED
    for (const line of story.tell(event, state)) say(`${line}\n`)
    state = reduce(state, event)
  }
  if (problem !== undefined) say(`The trace can be read up to line ${problem.line}: ${problem.reason}\n`)
  return 0
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}
