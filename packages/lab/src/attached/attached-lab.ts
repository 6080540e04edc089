/** The live page, faults and virtual users for a cluster that another program started, such as Docker. */
import path from 'node:path'
import { type StrategyFacts, TRACE_SCHEMA } from '@ninelives/history'
import { usersKeeper } from '../cluster/keepers.ts'
import type { Programs } from '../cluster/programs.ts'
import { usersSpec } from '../cluster/specs.ts'
import { type AttachedAddress, attachedServer } from './attached-server.ts'
import type { ControlServer } from '../control/server.ts'
import { EXIT_BAD_INPUT, LabError } from '../errors.ts'
import { FaultController } from '../faults/controller.ts'
import { httpGet } from '../http-get.ts'
import { seededRandom } from '../random.ts'
import { Warden } from '../supervise/warden.ts'
import { Trace } from '../trace/trace.ts'
import { until } from '../wait.ts'
import { BalancerWatch } from './balancer-watch.ts'
import { refusalHere } from './refusals.ts'
import { RemoteNode } from './remote-node.ts'

export interface RemoteAddress {
  readonly name: string
  readonly url: string
  readonly lab: { readonly host: string; readonly port: number }
}

export interface AttachOptions {
  readonly strategy: StrategyFacts
  /** Where the virtual users find the shop. */
  readonly target: URL
  /** Where people find it; the container's own name for it is of no use to them. */
  readonly shopUrl: string
  readonly nodes: readonly RemoteAddress[]
  readonly secret: string
  readonly admin: { readonly url: URL; readonly token: string | undefined } | undefined
  readonly control: AttachedAddress
  readonly users: number
  readonly rate: number
  readonly seed: number
  readonly run: string
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly programs: Pick<Programs, 'users'>
  readonly warn: (line: string) => void
}

export interface AttachedLab {
  readonly trace: Trace
  readonly control: ControlServer
  /**
   * Resolves when every node is there, the balancer sends to all of them, and the shop answers; then the users act. Rejects with
   * LabError.
   */
  start(signal: AbortSignal): Promise<void>
  /** Heals what stands, as far as it can, and stops the users. The cluster stays as it is. */
  stop(reason: string): Promise<void>
}

const READY_WITHIN_MS = 120_000
const READY_POLL_MS = 250
const ANSWER_WAIT_MS = 5_000
/** The delay before the users' process is started again, should it die. */
const RESTART_AFTER_MS = 700

/** Rejects with PortInUseError. */
export async function openAttached(options: AttachOptions): Promise<AttachedLab> {
  const { target, secret, admin, shopUrl, directory, seed, warn } = options
  const trace = openTrace(options)
  const append = trace.append.bind(trace)
  const nodes = options.nodes.map(
    (address) => new RemoteNode({ ...address, secret, append, warn, state: () => trace.state }),
  )
  const watch = admin && new BalancerWatch({ admin: admin.url, token: admin.token, shopUrl, append })
  const warden = new Warden()
  const spec = usersSpec(options)
  const context = {
    processContext: { directory, warden, onLine: () => undefined },
    restartAfterMs: RESTART_AFTER_MS,
    append,
    state: () => trace.state,
  }
  const users = options.users === 0 ? undefined : usersKeeper(() => spec(target.href, trace), context)
  const faults = new FaultController({ nodes, refuses: refusalHere }, trace, seededRandom(seed))
  const cluster = { nodes, users, edges: undefined, store: undefined, refuses: refusalHere }
  const close = async (): Promise<void> => {
    faults.close()
    watch?.close()
    await users?.kill()
    for (const node of nodes) node.close()
    await warden.close()
  }
  let control: ControlServer
  try {
    control = await attachedServer({ trace, cluster, faults }, options.control)
  } catch (error) {
    await close()
    throw error
  }

  const isReady = async (): Promise<boolean> => {
    if (watch?.isRefused === true) {
      const reason = `the balancer's admin port at ${admin?.url.origin} refused the token: attach needs the ADMIN_TOKEN that the balancer has`
      throw new LabError('ADMIN_REFUSED', EXIT_BAD_INPUT, reason)
    }
    const names = nodes.filter(({ life }) => life === 'up').map(({ name }) => name)
    if (names.length < nodes.length || watch?.sendsTo(names) === false) return false
    return (await httpGet(new URL('/api/session', target).href, { timeoutMs: ANSWER_WAIT_MS }))?.status === 200
  }

  return {
    trace,
    control,
    async start(signal) {
      for (const node of nodes) node.connect()
      void watch?.look()
      const behind = admin === undefined ? '' : `, the balancer's admin port at ${admin.url.origin}`
      const what = `${nodes.length} nodes at their lab ports${behind} and the shop at ${target.origin}`
      const wait = { deadlineMs: READY_WITHIN_MS, everyMs: READY_POLL_MS, what }
      await until(async () => signal.aborted || (await isReady()), wait)
      if (signal.aborted) return
      trace.append({ type: 'cluster-ready', inMs: Math.round(trace.nowMs) })
      await users?.start()
    },
    async stop(reason) {
      trace.append({ type: 'run-ended', reason })
      await control.close()
      await close()
    },
  }
}

function openTrace({ strategy, shopUrl, nodes, run, seed, users, rate, directory }: AttachOptions): Trace {
  return new Trace(path.join(directory, 'trace.ndjson'), {
    schema: TRACE_SCHEMA,
    run,
    seed,
    strategy,
    store: 'its own',
    balancerUrl: shopUrl,
    nodes: nodes.map(({ name, url }) => ({ name, url })),
    users,
    rate,
  })
}
