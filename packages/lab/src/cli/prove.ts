import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Judge } from '@ninelives/history'
import { requireRedis } from '../cluster/redis.ts'
import { ownPrograms } from '../cluster/specs.ts'
import type { Config } from '../config.ts'
import { LabError } from '../errors.ts'
import { campaign, labBreaker } from '../faults/campaign.ts'
import { type Lab, type LabOptions, openLab } from '../lab.ts'
import { seededRandom, SEED_MAX } from '../random.ts'
import { makeRunDirectory, runName } from '../run-directory.ts'
import { painter } from '../terminal/paint.ts'
import { judgeFile } from './check.ts'
import { type Choice, chooseStrategy } from './choose-strategy.ts'
import { flagsHelp, type FlagValues, parseFlags } from './flags.ts'
import { proveFlags } from './prove-flags.ts'
import { stopSignal, whenStopped } from './stop-signal.ts'

const proveHelp = `ninelives prove [flags]

Starts a cluster, sends virtual users through it, breaks its nodes on purpose one after the other, and says from what the users saw
whether anything was lost: valid, invalid with what proves it, or unknown with the reasons.

${flagsHelp(proveFlags)}
Exits with 0 when valid, 1 when invalid, 3 when unknown.
`

type Values = FlagValues<typeof proveFlags>

/** How long a node is away. */
const RESTART_AFTER_MS = 700
const WARM_UP_MS = 3_000
const SETTLE_WAIT_MS = 25_000
const EXIT_INTERRUPTED = 130

/** Resolves with the exit code once everything has stopped. */
export async function prove(args: readonly string[], config: Config): Promise<number> {
  const flags = parseFlags('prove', proveFlags, args)
  if (flags === 'help') return say(proveHelp)
  const choice = chooseStrategy(flags, config)
  const run = runName(new Date(), process.pid)
  const directory = makeRunDirectory(run, flags.logs)
  const options = labOptions(flags, choice, run, directory, config)
  say(`Starting ${options.strategy.name} with ${flags.nodes} nodes, seed ${options.seed} ...\n`)
  const held: { lab?: Lab } = {}
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => void leaveAtOnce(held.lab) })
  if (choice.storeUrl !== undefined && choice.storeUrl === config.redisUrl) {
    await requireRedis(choice.storeUrl, (line) => say(`${line}\n`), stop)
  }
  if (stop.aborted) return EXIT_INTERRUPTED
  const lab = await openLab(options)
  held.lab = lab
  try {
    await Promise.race([gauntlet(lab, flags, options, stop), whenStopped(stop)])
    await lab.stop(stop.aborted ? String(stop.reason) : 'proved')
  } catch (error) {
    await lab.kill()
    if (stop.aborted) return EXIT_INTERRUPTED
    throw error
  }
  if (stop.aborted) {
    say(`\nInterrupted. Trace: ${lab.trace.path}\n`)
    return EXIT_INTERRUPTED
  }
  return judgeFile(lab.trace.path, painter(process.stdout), directory)
}

/** Resolves once everybody has looked for the last time. */
async function gauntlet(lab: Lab, flags: Values, { seed, strategy }: LabOptions, stop: AbortSignal): Promise<void> {
  const paint = painter(process.stdout)
  const judge = new Judge()
  const leaked = new AbortController()
  lab.trace.listen((event) => {
    judge.take(event)
    if (judge.kindsSoFar.has('leak')) leaked.abort()
  })
  await lab.start()
  say(`Ready on ${lab.cluster.url}, live page on ${lab.control.url}\n\n`)
  const signal = AbortSignal.any([stop, leaked.signal])
  await sleep(WARM_UP_MS, undefined, { signal }).catch(() => undefined)
  await campaign(labBreaker(lab), {
    kinds: flags.faults,
    count: flags.kills,
    random: seededRandom(seed),
    signal,
    onFault(done, what) {
      const kinds = [...judge.kindsSoFar]
      const found = kinds.length === 0 ? 'nothing found so far' : paint('red', kinds.join(', '))
      const { sent } = lab.trace.state.users.totals
      say(`  ${String(done).padStart(3)} of ${flags.kills}  ${what.padEnd(28)}  ${sent} operations, ${found}\n`)
    },
  })
  if (stop.aborted) return
  await lastLook(lab, strategy.routing === 'affinity')
}

/** With affinity a session is on one node by design; otherwise each of them should tell the same. */
async function lastLook({ cluster }: Lab, isPinned: boolean): Promise<void> {
  const nodes = isPinned ? [] : cluster.nodes.map(({ name, url }) => ({ name, url }))
  const isSettled = await cluster.users?.call({ type: 'settle', id: 'last', nodes }, 'settled', SETTLE_WAIT_MS)
  if (isSettled === false) throw new LabError('NOT_SETTLED', 1, 'the virtual users did not say that they were done')
}

function labOptions(flags: Values, choice: Choice, run: string, directory: string, config: Config): LabOptions {
  const { strategy, storeUrl, redisServer } = choice
  return {
    strategy,
    ...(storeUrl === undefined ? {} : { storeUrl }),
    ...(redisServer === undefined ? {} : { redisServer }),
    nodes: flags.nodes,
    port: 0,
    controlPort: 0,
    restartAfterMs: RESTART_AFTER_MS,
    users: flags.users,
    tabs: flags.tabs,
    rate: flags.rate,
    idempotencyKeys: flags.keys === 'sent',
    seed: flags.seed ?? randomInt(SEED_MAX),
    run,
    directory,
    environment: config.environment,
    programs: ownPrograms(),
  }
}

async function leaveAtOnce(lab: Lab | undefined): Promise<void> {
  await lab?.kill()
  process.exit(EXIT_INTERRUPTED)
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}
