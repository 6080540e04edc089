import { readFileSync } from 'node:fs'
import { type Config, readConfig } from '../config.ts'
import { LabError, UsageError } from '../errors.ts'
import { closest } from '../terminal/closest.ts'
import { visible } from '../terminal/visible.ts'
import { listed } from './command/flags.ts'
import { say, sayError } from '../terminal/say.ts'

type Run = (args: readonly string[], config: Config) => Promise<number>

interface Command {
  readonly text: string
  /** Imported only for this command. */
  readonly load: () => Promise<Run>
}

const commands: ReadonlyMap<string, Command> = new Map([
  [
    'up',
    {
      text: 'starts a cluster and shows what happens to it; npm start runs this',
      load: async () => (await import('./up.ts')).up,
    },
  ],
  [
    'watch',
    {
      text: 'sends virtual users to a running cluster, and shows what they see',
      load: async () => (await import('./watch.ts')).watch,
    },
  ],
  [
    'attach',
    {
      text: 'the live page, faults and virtual users for a cluster in containers',
      load: async () => (await import('./attach.ts')).attach,
    },
  ],
  [
    'prove',
    {
      text: 'breaks a cluster on purpose, and says what its users lost',
      load: async () => (await import('./prove/prove.ts')).prove,
    },
  ],
  [
    'atlas',
    {
      text: 'kills a node at every crash point of every operation, and says what each costs',
      load: async () => (await import('./atlas.ts')).atlas,
    },
  ],
  [
    'check',
    {
      text: 'judges a run again, from its trace',
      load: async () => (await import('./prove/check.ts')).check,
    },
  ],
  [
    'replay',
    {
      text: 'shows a run again, from its trace',
      load: async () => (await import('./replay.ts')).replay,
    },
  ],
  [
    'report',
    {
      text: 'makes one HTML file of a run, from its trace',
      load: async () => (await import('./report.ts')).report,
    },
  ],
  [
    'simulate',
    {
      text: 'simulates the engine of the replicated stores, one run a seed',
      load: async () => (await import('./simulate.ts')).simulate,
    },
  ],
  [
    'doctor',
    {
      text: 'looks at a session store, and says what would lose sessions',
      load: async () => (await import('./doctor.ts')).doctor,
    },
  ],
])

/** Not 1, as a 1 of `prove`, `check` and `simulate` means a proven loss, and an internal error proves nothing. */
const EXIT_INTERNAL = 3

/** Resolves to the exit code. An expected error is shown as one line without a stack. */
export async function main(args: readonly string[]): Promise<number> {
  // An exception in a listener, which no caller catches. The warden ends the processes that are left.
  process.on('uncaughtException', (error) => process.exit(internal(error)))
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe)
  try {
    return await dispatch(args)
  } catch (error) {
    if (!(error instanceof LabError)) return internal(error)
    sayError(`ninelives: ${visible(error.message)}\n`)
    return error.exitCode
  }
}

/** The reader of a pipe, such as `head`, may have read enough. The exit code still says what was found. */
function ignoreClosedPipe(this: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  // A command that runs on listens too, and stops.
  if (error.code !== 'EPIPE' && this.listenerCount('error') === 1) throw error
}

/** Prints the error and where in the program it happened. */
function internal(error: unknown): number {
  const [what = '', ...stack] = (error instanceof Error ? (error.stack ?? '') : String(error)).split('\n')
  const where = stack.find((line) => line.startsWith('    at '))?.trim()
  sayError(`ninelives: internal error: ${visible(what)}${where === undefined ? '' : ` (${visible(where)})`}\n`)
  return EXIT_INTERNAL
}

async function dispatch([first, ...rest]: readonly string[]): Promise<number> {
  if (first === 'help' && rest.length > 0) return dispatch([...rest, '--help'])
  if (first === undefined || ['--help', '-h', 'help'].includes(first)) return print(help())
  if (first === '--version' || first === '-v') return print(`${version()}\n`)
  if (first.startsWith('-'))
    throw new UsageError(`a command comes first, such as: ninelives up ${[first, ...rest].join(' ')}`)
  const command = commands.get(first)
  if (command === undefined) {
    const meant = closest(first, [...commands.keys()])
    const guess = meant === undefined ? '; there' : `: did you mean ${meant}? There`
    throw new UsageError(`unknown command "${first}"${guess} are ${listed([...commands.keys()])}, and --help`)
  }
  const run = await command.load()
  return run(rest, readConfig(process.env))
}

function help(): string {
  const lines = [...commands].map(([name, { text }]) => `  ${name.padEnd(10)}${text}\n`)
  return `ninelives <command> [flags]\n\n${lines.join('')}\n--help after a command shows its flags; --version prints the version.\n`
}

function print(text: string): number {
  say(text)
  return 0
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
