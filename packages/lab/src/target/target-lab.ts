/** The user's own system with a trace, virtual users and a warden. The lab starts no process of the system. */
import path from 'node:path'
import { TRACE_SCHEMA } from '@ninelives/history'
import { usersKeeper } from '../cluster/keepers.ts'
import { type UsersOptions, usersSpec } from '../cluster/specs.ts'
import type { Keeper } from '../supervise/keeper.ts'
import { Warden } from '../supervise/warden.ts'
import { Trace } from '../trace/trace.ts'
import type { NodeAddress } from '../users/load.ts'
import { checkInterface } from './interface.ts'
import { Shell } from './shell.ts'
import { type Commands, TargetBreaker } from './target-breaker.ts'

export interface TargetOptions extends UsersOptions {
  readonly target: URL
  /** As in ClusterOptions. */
  readonly rate: number
  /** As in RunStarted. */
  readonly requires: readonly string[]
  readonly nodes: readonly NodeAddress[]
  readonly commands: Commands
  readonly run: string
  readonly directory: string
  /** Called with what the user must attend to, such as what stays broken. */
  readonly warn: (line: string) => void
}

export interface TargetLab {
  readonly trace: Trace
  readonly breaker: TargetBreaker
  readonly users: Keeper
  /** Resolves when its interface is checked and the users are active. Rejects with LabError. */
  start(say: (line: string) => void): Promise<void>
  /** Heals what is broken, and stops the users. */
  stop(reason: string, cutShort?: string): Promise<void>
  kill(): Promise<void>
}

/** The delay before the users' process is restarted, should it die. */
const RESTART_AFTER_MS = 700

export function openTarget(options: TargetOptions): TargetLab {
  const { target, nodes, commands, run, directory, environment, warn } = options
  const trace = openTrace(options)
  const warden = new Warden()
  const shell = new Shell({ directory, environment, warden })
  const breaker = new TargetBreaker({ target, nodes, commands, shell, trace, warn })
  const spec = usersSpec(options)
  const processContext = { directory, warden, onLine: () => undefined }
  const context = {
    processContext,
    restartAfterMs: RESTART_AFTER_MS,
    append: trace.append.bind(trace),
    state: () => trace.state,
  }
  const users = usersKeeper(() => spec(target.href, trace), context)
  const end = async (): Promise<void> => {
    await Promise.all([users.kill(), breaker.heal()])
    await warden.close()
  }
  return {
    trace,
    breaker,
    users,
    async start(say) {
      await breaker.startSilent(say)
      const seen = await checkInterface(target, { users: options.users, run, say })
      const strange = [...seen].filter((name) => nodes.length > 0 && !nodes.some((node) => node.name === name))
      if (seen.size === 0) say('  (the answers have no X-Served-By, so it is not known which node gave them)')
      if (strange.length > 0) say(`  (X-Served-By names ${strange.join(', ')}, which is none of --nodes-url)`)
      trace.append({ type: 'cluster-ready', inMs: Math.round(trace.state.atMs) })
      await users.start()
    },
    async stop(reason, cutShort) {
      await breaker.heal()
      trace.append({ type: 'run-ended', reason, ...(cutShort === undefined ? {} : { cutShort }) })
      await end()
    },
    kill: end,
  }
}

function openTrace({ target, nodes, run, seed, users, rate, requires, directory }: TargetOptions): Trace {
  return new Trace(path.join(directory, 'trace.ndjson'), {
    schema: TRACE_SCHEMA,
    run,
    seed,
    strategy: {
      name: target.origin,
      routing: 'its own',
      summary: "a system of the user's own",
      onNodeDeath: "what that costs is that system's to say",
    },
    store: 'its own',
    balancerUrl: target.origin,
    nodes: nodes.map(({ name, url }) => ({ name, url })),
    users,
    rate,
    requires,
  })
}
