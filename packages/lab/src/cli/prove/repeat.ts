/** `prove --repeat N`: the same run N times, and how alike what was broken and what was found were. */
import { randomInt } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { count, type Verdict } from '@ninelives/history'
import { MORE_FAULTS_MAX } from '../../campaign/required.ts'
import type { Config } from '../../config.ts'
import { EXIT_INTERRUPTED, UsageError } from '../../errors.ts'
import { type Outcome, proveProcess, VERDICT_FILE } from '../../hunt/prove-process.ts'
import { SEED_MAX } from '../../random.ts'
import { projectRoot, TRACE_FILE } from '../../run-directory.ts'
import { visible } from '../../terminal/visible.ts'
import { stopSignal } from '../command/stop-signal.ts'
import { TraceFile } from '../command/trace-file.ts'
import type { ProveValues } from './prove-flags.ts'
import { say } from '../../terminal/say.ts'

/** Each is of one run, and would be written N times. */
const REFUSES = ['report', 'junit', 'badge'] as const
/** They are replaced in each run's arguments. */
const OWN = ['--repeat', '--logs', '--seed']
const EXITS = { invalid: 1, unknown: 3, failed: 3, valid: 0 } as const

interface Made extends Outcome {
  /** What was broken, in order. */
  readonly faults: readonly string[]
  /** Kinds of anomalies, with how often. */
  readonly times: ReadonlyMap<string, number>
}

/** Throws UsageError for what makes no series. */
export function refuseForSeries(flags: ProveValues): void {
  const other = REFUSES.find((name) => flags[name] !== undefined)
  if (other !== undefined) throw new UsageError(`--repeat takes no --${other}, which is of one run`)
}

/** Resolves with the exit code: of the worst run. */
export async function repeat(flags: ProveValues, times: number, args: readonly string[], config: Config) {
  const seed = flags.seed ?? randomInt(SEED_MAX)
  const directory = flags.logs ?? path.join(projectRoot, '.ninelives', `repeat-${seed}-${process.pid}`)
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => process.exit(EXIT_INTERRUPTED) })
  say(`${times} runs of seed ${seed}. Files: ${directory}\n\n`)
  const made: Made[] = []
  const faultsMax = flags.kills + flags.require.length * MORE_FAULTS_MAX
  const run = ['prove', ...withoutOwn(args), '--seed', String(seed)]
  while (made.length < times && !stop.aborted) {
    const own = path.join(directory, `run-${made.length + 1}`)
    const outcome = await proveProcess(run, faultsMax, own, config.environment, stop)
    if (outcome === undefined) break
    made.push({
      ...outcome,
      faults: faultsIn(path.join(own, TRACE_FILE)),
      times: anomaliesIn(path.join(own, VERDICT_FILE)),
    })
    say(lineOf(made.length, made[made.length - 1] as Made))
  }
  say(`\n${alike(made)}`)
  if (stop.aborted) return EXIT_INTERRUPTED
  return made.some(({ verdict }) => verdict === 'invalid')
    ? EXITS.invalid
    : Math.max(...made.map(({ verdict }) => EXITS[verdict]))
}

/** The arguments of each run. */
export function withoutOwn(args: readonly string[]): string[] {
  return args.filter(
    (arg, index) => !isOwn(arg) && !isOwn(args[index - 1]) && !OWN.some((name) => arg.startsWith(`${name}=`)),
  )
}

function isOwn(arg: string | undefined): boolean {
  return arg !== undefined && OWN.includes(arg)
}

function faultsIn(trace: string): string[] {
  if (!existsSync(trace)) return []
  return [...new TraceFile(trace).events].flatMap((event) =>
    event.type === 'fault-injected' ? [`${event.kind} of ${event.target}`] : [],
  )
}

function anomaliesIn(file: string): ReadonlyMap<string, number> {
  if (!existsSync(file)) return new Map()
  const { anomalies } = JSON.parse(readFileSync(file, 'utf8')) as Verdict
  return new Map(anomalies.map(({ kind, times }) => [kind, times]))
}

function lineOf(number: number, { verdict, why, times, faults, operations }: Made): string {
  const found = [...times].map(([kind, of]) => `${kind} ${of}`).join(', ')
  const what = found !== '' ? `: ${found}` : why === undefined ? '' : `: ${visible(why)}`
  return `  ${String(number).padStart(4)}  ${verdict}${what}; ${count(faults.length, 'fault')}, ${count(operations, 'operation')}\n`
}

/** How many runs share what is the most frequent, and how often each anomaly was found. */
export function alike(made: readonly Pick<Made, 'verdict' | 'faults' | 'times'>[]): string {
  if (made.length === 0) return 'no run came to an end\n'
  const of = `of ${made.length}`
  const faults = mostOf(made.map((run) => run.faults.join(', ')))
  const verdicts = mostOf(made.map((run) => run.verdict))
  const kinds = mostOf(made.map((run) => [...run.times.keys()].sort().join(', ')))
  const each = [...new Set(made.flatMap(({ times }) => [...times.keys()]))].sort().map((kind) => {
    const counts = made.flatMap(({ times }) => times.get(kind) ?? [])
    return `  found ${kind.padEnd(22)} ${counts.length} ${of}, ${range(counts)} times\n`
  })
  return [
    `  broke the same, in this order  ${faults.times} ${of}: ${faults.what === '' ? 'nothing' : faults.what}\n`,
    `  came to the same verdict       ${verdicts.times} ${of}: ${verdicts.what}\n`,
    `  found the same kinds           ${kinds.times} ${of}: ${kinds.what === '' ? 'nothing' : kinds.what}\n`,
    ...each,
  ].join('')
}

function mostOf(texts: readonly string[]): { readonly what: string; readonly times: number } {
  const counts = Map.groupBy(texts, (text) => text)
  const [what, those] = [...counts].sort(([, a], [, b]) => b.length - a.length)[0] ?? ['', []]
  return { what, times: those.length }
}

function range(counts: readonly number[]): string {
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? String(least) : `${least} to ${most}`
}
