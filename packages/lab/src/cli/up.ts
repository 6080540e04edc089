import { randomInt } from 'node:crypto'
import path from 'node:path'
import { ownPrograms } from '../cluster/programs.ts'
import { awaitStore } from '../cluster/await-store.ts'
import { type Choice, requireReplication } from '../cluster/choose-store.ts'
import type { Config } from '../config.ts'
import { EXIT_INTERRUPTED, UsageError } from '../errors.ts'
import { type Lab, type LabOptions, openLab } from '../lab.ts'
import { SEED_MAX } from '../random.ts'
import { howLongKept, makeRunDirectory, runName } from '../run-directory.ts'
import type { ChooseStrategy } from '../control/server.ts'
import { requireFree } from '../supervise/ports.ts'
import { farewell, greeting } from '../terminal/greeting.ts'
import { keyActions, keysLine, readKeys } from '../terminal/keys.ts'
import { painter } from '../terminal/paint.ts'
import { qrCode } from '../terminal/qr-code.ts'
import { say } from '../terminal/say.ts'
import { Story } from '../terminal/story.ts'
import { chooseStrategy } from './command/choose-strategy.ts'
import { flagsHelp, type FlagValues, parseFlags } from './command/flags.ts'
import { stopSignal, whenStopped } from './command/stop-signal.ts'
import { storeOf } from './command/store-flags.ts'
import { upFlags } from './command/up-flags.ts'

const upHelp = `npm start -- [flags], or ninelives up [flags]

Starts a cluster (nodes, balancer, a store server where the strategy wants one), a control API with
a live page, and virtual users; shows what happens; stops everything on Ctrl-C.

${flagsHelp(upFlags)}`

type Values = FlagValues<typeof upFlags>

/** Resolves with the exit code once everything has stopped. */
export async function up(args: readonly string[], config: Config): Promise<number> {
  const flags = parseFlags('up', upFlags, args)
  if (flags === 'help') {
    say(upHelp)
    return 0
  }
  const choice = chooseStrategy({ ...flags, store: storeOf(flags, config) }, config)
  if (flags.replica === 'on') requireReplication(choice, '--replica on')
  await requirePorts(flags)
  const run = runName(new Date(), process.pid)
  const directory = makeRunDirectory(run, flags.logs)
  announce(choice, flags)

  let lab: Lab | undefined
  const stop = stopSignal({ endsWithParent: config.endsWithParent, onSecond: () => void leaveAtOnce(lab) })
  if (choice.own !== undefined) await awaitStore(choice.own, sayLine, stop)
  if (stop.aborted) return EXIT_INTERRUPTED
  const choose: ChooseStrategy = async (asked) => {
    const other = chooseStrategy({ ...asked, store: undefined }, config)
    if (other.own !== undefined) await awaitStore(other.own, sayLine, stop)
    return other
  }
  lab = await openLab({ ...labOptions(flags, choice, run, directory, config), choose })
  if (!(await started(lab, stop))) return EXIT_INTERRUPTED
  const hasKeys = process.stdin.isTTY && process.stdout.isTTY
  const { url: controlUrl, elsewhereUrl } = lab.control
  sayLine(
    greeting(lab.trace.state, painter(process.stdout), {
      controlUrl,
      ...(elsewhereUrl === undefined ? {} : { elsewhereUrl, elsewhereCode: qrCode(elsewhereUrl, process.stdout) }),
      ...(hasKeys ? { keys: keysLine } : {}),
    }),
  )
  tellStory(lab)
  const endKeys = hasKeys ? readKeys(process.stdin, keyActions(lab, sayLine), sayLine) : undefined
  await whenStopped(stop)
  endKeys?.()
  await lab.stop(String(stop.reason))
  sayLine(
    `${process.stdout.isTTY ? '\n' : ''}${farewell(lab.trace.state, asSeenFromHere(lab.trace.path))}${howLongKept(directory)}`,
  )
  return 0
}

/** False if it was stopped before everything was up; then everything has been stopped. */
async function started(lab: Lab, signal: AbortSignal): Promise<boolean> {
  try {
    await Promise.race([lab.start(), whenStopped(signal)])
    if (!signal.aborted) return true
  } catch (error) {
    await lab.kill()
    if (!signal.aborted) throw error
    return false
  }
  await lab.kill()
  return false
}

async function leaveAtOnce(lab: Lab | undefined): Promise<void> {
  await lab?.kill()
  process.exit(EXIT_INTERRUPTED)
}

async function requirePorts(flags: Values): Promise<void> {
  const { port, 'control-port': controlPort } = flags
  if (port !== 0 && port === controlPort)
    throw new UsageError(`--port and --control-port are both ${port}; they must differ`)
  await requireFree(port, 'the shop (--port)')
  await requireFree(controlPort, 'the live page (--control-port)')
}

function labOptions(flags: Values, choice: Choice, run: string, directory: string, config: Config): LabOptions {
  const restartAfterMs = flags['restart-after']
  return {
    ...choice,
    nodes: flags.nodes,
    port: flags.port,
    controlPort: flags['control-port'],
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(restartAfterMs === 'never' ? {} : { restartAfterMs }),
    edges: flags.edges === 'on',
    replica: flags.replica === 'on',
    users: flags.users,
    rate: flags.rate,
    floor: flags.floor,
    ...(flags.tabs === 1 ? {} : { tabs: flags.tabs, together: true }),
    seed: flags.seed ?? randomInt(SEED_MAX),
    run,
    directory,
    environment: config.environment,
    programs: ownPrograms(),
  }
}

function announce({ server }: Choice, { nodes }: Values): void {
  const store = server === undefined ? '' : `, a private ${server.kind.title}`
  sayLine(`Starting ${nodes} ${nodes === 1 ? 'node' : 'nodes'}${store} and the balancer ...`)
}

function tellStory(lab: Lab): void {
  const first = lab.trace
  lab.follow(({ trace }) => {
    const { strategy } = trace.state
    if (trace !== first) sayLine(`\nAnother strategy, ${strategy.name}: ${strategy.summary}\n`)
    const story = new Story(painter(process.stdout))
    trace.listen((event, before) => {
      for (const line of story.tell(event, before)) sayLine(line)
    })
  })
}

function asSeenFromHere(file: string): string {
  const relative = path.relative('', file)
  return relative.startsWith('..') ? file : relative
}

function sayLine(line: string): void {
  say(`${line}\n`)
}
