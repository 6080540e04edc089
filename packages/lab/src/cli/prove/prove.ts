import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AnomalyKind, type InterleavingName, INTERLEAVINGS, Judge } from '@ninelives/history'
import { campaign } from '../../campaign/campaign.ts'
import { campaignKinds } from '../../campaign/planned.ts'
import { MORE_FAULTS_MAX, needsFloor, needsTabs, needsVersions } from '../../campaign/required.ts'
import type { Config } from '../../config.ts'
import { EXIT_FAILED, EXIT_INTERRUPTED, LabError, UsageError } from '../../errors.ts'
import { EFFECTS } from '../../faults/kinds/effects.ts'
import { seededRandom, SEED_MAX } from '../../random.ts'
import { makeRunDirectory, runName } from '../../run-directory.ts'
import { painter } from '../../terminal/paint.ts'
import { visible } from '../../terminal/visible.ts'
import { succeeds, until } from '../../wait.ts'
import { TraceFile } from '../command/trace-file.ts'
import { EXIT_CODES, judgeFile } from './check.ts'
import { compareRuns } from './compare-runs.ts'
import { fitRate } from './fit-rate.ts'
import { flagsHelp, parseFlags } from '../command/flags.ts'
import { requireWritable } from './hand-on.ts'
import { hunt } from './hunt.ts'
import { proveFlags, type ProveValues } from './prove-flags.ts'
import { planOwn } from './prove-own.ts'
import type { Plan, PlanBasis, Subject } from './prove-subject.ts'
import { refuseForSeries, repeat } from './repeat.ts'
import { planTarget, refuseTargetFlags, targetHelp } from './prove-target.ts'
import { stopSignal, whenStopped } from '../command/stop-signal.ts'
import { targetFlags } from './target-flags.ts'
import { say } from '../../terminal/say.ts'

const ownFlags = Object.fromEntries(Object.entries(proveFlags).filter(([name]) => !(name in targetFlags)))

const proveHelp = `ninelives prove [flags]

Starts a cluster, or takes one of yours, sends virtual users through it, breaks it on purpose, one
fault after the other, and says from what the users saw whether anything was lost: valid, invalid
with what proves it, or unknown with the reasons.

  npx ninelives prove                                           a node is killed, twenty times
  npx ninelives prove --strategy redis --faults kill,failover   Redis fails over: what is lost?
  npx ninelives prove --store ./my-store.ts --faults pause,partition --tabs 3
  npx ninelives prove --strategy clustered --nodes 5 --overlap 2 --kills 40 --report run.html
  npx ninelives prove --target http://127.0.0.1:8080 --kill-command 'docker kill shop-b'

${flagsHelp(ownFlags)}
${targetHelp}
What the faults do, to a random target or to KIND@TARGET, such as kill@store or hold@*>store:

${effectsHelp()}
Exits with 0 when valid, 1 when invalid, 3 when unknown. --compare exits with 1 if the second run
has an anomaly that the first has not. After Ctrl-C it exits with 130, and ninelives check TRACE
judges what was recorded. With GITHUB_STEP_SUMMARY set, as in a GitHub job, the verdict is appended
to that file.
`

/** A line for each kind. */
function effectsHelp(): string {
  const width = Math.max(...campaignKinds.map((kind) => kind.length))
  return campaignKinds.map((kind) => `  ${kind.padEnd(width)}  ${EFFECTS[kind]}\n`).join('')
}

const WARM_UP_MS = 3_000
/** For a required interleaving that no fault makes. */
const USERS_WAIT_MS = 60_000

/** Resolves with the exit code once everything has stopped. */
export async function prove(args: readonly string[], config: Config): Promise<number> {
  const operands: string[] = []
  const flags = parseFlags('prove', proveFlags, args, (operand) => operands.push(operand))
  if (flags === 'help') {
    say(proveHelp)
    return 0
  }
  const unknown = flags.compare === undefined ? operands[0] : operands[1]
  if (unknown !== undefined) throw new UsageError(`prove takes no "${unknown}"; see --help`)
  if (flags.compare !== undefined) {
    if (flags.repeat !== undefined) throw new UsageError('--compare takes no --repeat: it starts no run')
    return compareRuns(flags.compare, operands[0])
  }
  if (flags.hunt !== undefined) return hunt(flags, flags.hunt, config)
  if (flags.repeat !== undefined) refuseForSeries(flags)
  try {
    const planned = planOf(flags, config)
    return await (flags.repeat === undefined
      ? proven(flags, config, planned)
      : repeat(flags, flags.repeat, args, config))
  } catch (error) {
    if (!(error instanceof LabError) || error.exitCode !== EXIT_FAILED) throw error
    // A run that failed proves nothing, and exit code 1 would mean a proven loss.
    throw new LabError(error.code, EXIT_CODES.unknown, error.message, error)
  }
}

/** Throws UsageError if the flags can't be satisfied. */
function planOf(flags: ProveValues, config: Config): (basis: PlanBasis) => Plan {
  const alone = flags.tabs === 1 ? flags.require.find(needsTabs) : undefined
  if (alone !== undefined) throw new UsageError(`--require ${alone} needs users with several tabs: --tabs 2`)
  const ashore = flags.floor === 0 ? flags.require.find(needsFloor) : undefined
  if (ashore !== undefined) throw new UsageError(`--require ${ashore} needs users on the floor: --floor 0.5`)
  const alike = flags['other-version'] === undefined ? flags.require.find(needsVersions) : undefined
  if (alike !== undefined) throw new UsageError(`--require ${alike} needs nodes of two versions: --other-version DIR`)
  if (flags.target === undefined) refuseTargetFlags(flags)
  const planned = flags.target === undefined ? planOwn(flags, config) : planTarget(flags, flags.target, config)
  requireWritable(flags)
  return planned
}

async function proven(flags: ProveValues, config: Config, planned: (basis: PlanBasis) => Plan): Promise<number> {
  const run = runName(new Date(), process.pid)
  const directory = makeRunDirectory(run, flags.logs)
  const seed = flags.seed ?? randomInt(SEED_MAX)
  const plan = planned({ seed, run, directory })
  say(`${plan.announcement}\n`)
  const held: { subject?: Subject } = {}
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => void leaveAtOnce(held.subject) })
  const subject = await plan.open(stop)
  held.subject = subject
  try {
    const cutShort = await Promise.race([gauntlet(subject, plan, flags, seed, stop), whenStopped(stop)])
    if (stop.aborted) await subject.stop(String(stop.reason), `${String(stop.reason)} came before its end`)
    else await subject.stop('proved', cutShort ?? undefined)
  } catch (error) {
    await subject.kill()
    if (stop.aborted) return EXIT_INTERRUPTED
    throw error
  }
  if (stop.aborted) {
    say(`\nInterrupted. Trace: ${subject.trace.path}\nWhat it has: npx ninelives check ${subject.trace.path}\n`)
    return EXIT_INTERRUPTED
  }
  const outputs = { files: flags, summary: config.jobSummary }
  return judgeFile(new TraceFile(subject.trace.path), painter(process.stdout), directory, outputs)
}

/** Resolves when every user has looked for the last time, to the reason if there were fewer faults than planned. */
async function gauntlet(
  subject: Subject,
  plan: Plan,
  { kills, overlap, rate, require }: ProveValues,
  seed: number,
  stop: AbortSignal,
): Promise<string | undefined> {
  const { trace } = subject
  const judge = new Judge()
  const leaked = new AbortController()
  trace.listen((event) => {
    judge.take(event)
    if (judge.hasFound('leak')) leaked.abort()
  })
  say(`Ready on ${await subject.start()}\n\n`)
  const signal = AbortSignal.any([stop, leaked.signal, trace.cut])
  if (rate === undefined) await fitRate(subject, (line) => say(`  ${line}\n`), signal)
  else await sleep(WARM_UP_MS, undefined, { signal }).catch(() => undefined)
  let cutShort: string | undefined
  const random = seededRandom(seed)
  const onFault = (done: number, what: string): void =>
    say(progress(done, kills, what, trace.state.users.totals.sent, [...judge.kindsSoFar]))
  try {
    const schedule = subject.schedule === undefined ? {} : { schedule: subject.schedule }
    await campaign(subject.breaker, { kinds: plan.kinds, count: kills, overlap, ...schedule, random, signal, onFault })
    for (const name of require) await goOn(name, { subject, plan, judge, random, signal })
  } catch (error) {
    if (!(error instanceof LabError) || stop.aborted) throw error
    // The system did not recover: stop, and judge what was recorded.
    cutShort = error.message
    say(`  ${visible(error.message)}: no more faults\n`)
  }
  if (stop.aborted) return cutShort
  if (trace.cut.aborted) {
    say(`  ${visible(String(trace.cut.reason))}: no more faults\n`)
    return String(trace.cut.reason)
  }
  say(`${kills === 0 ? '' : '\n'}Every user looks at its cart once more ...\n`)
  try {
    await subject.lastLook()
  } catch (error) {
    if (!(error instanceof LabError) || stop.aborted) throw error
    // What was recorded before is judged, and may prove a loss.
    cutShort ??= error.message
    say(`  ${visible(error.message)}\n`)
  }
  return cutShort
}

interface GoingOn {
  readonly subject: Subject
  readonly plan: Plan
  readonly judge: Judge
  readonly random: () => number
  readonly signal: AbortSignal
}

function tellMore(_done: number, what: string): void {
  say(`       more  ${visible(what)}\n`)
}

/** Goes on, within bounds, until the interleaving has occurred. */
async function goOn(name: InterleavingName, { subject, plan, judge, random, signal }: GoingOn): Promise<void> {
  const isOver = (): boolean =>
    signal.aborted || judge.interleavings.some((each) => each.name === name && each.times > 0)
  if (isOver()) return
  say(`  Going on until this has occurred: ${INTERLEAVINGS[name]}\n`)
  const recipe = plan.recipe(name)
  if (recipe === undefined) {
    await succeeds(until(isOver, { deadlineMs: USERS_WAIT_MS, what: name }))
    return
  }
  for (let more = 0; more < MORE_FAULTS_MAX && !isOver(); more++) {
    await campaign(subject.breaker, { kinds: [recipe], count: 1, random, signal, onFault: tellMore })
  }
}

function progress(done: number, of: number, what: string, operations: number, kinds: readonly AnomalyKind[]): string {
  const found = kinds.length === 0 ? 'nothing found so far' : painter(process.stdout)('red', kinds.join(', '))
  return `  ${String(done).padStart(3)} of ${of}  ${visible(what).padEnd(28)}  ${operations} operations, ${found}\n`
}

async function leaveAtOnce(subject: Subject | undefined): Promise<void> {
  await subject?.kill()
  process.exit(EXIT_INTERRUPTED)
}
