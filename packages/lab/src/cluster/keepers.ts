/** Keepers for the processes other than nodes: how each is started, and when it counts as ready. */
import type { ClusterState, EventBody, ProcessName } from '@ninelives/history'
import type { ChildSpec, ProcessContext, Message } from '../supervise/child.ts'
import { Keeper, type KeeperOptions, type Life } from '../supervise/keeper.ts'
import { until } from '../wait.ts'

/** What the keepers of one cluster share. */
export interface KeeperContext {
  readonly processContext: ProcessContext
  readonly restartAfterMs: number | undefined
  readonly append: (event: EventBody) => void
  readonly state: () => ClusterState
}

/** A database makes its directory first. */
const READY_DEADLINE_MS = 55_000

export function storeKeeper(
  process: ProcessName,
  spec: () => ChildSpec,
  answers: () => Promise<boolean>,
  context: KeeperContext,
): Keeper {
  const wait = { deadlineMs: READY_DEADLINE_MS, what: `${process} to answer` }
  return keeper(process, context, { spec, ready: () => until(answers, wait) })
}

export function balancerKeeper(spec: () => ChildSpec, context: KeeperContext): Keeper {
  return keeper('balancer', context, { spec })
}

/** Restarted at once, as no process reaches another without it. */
export function edgesKeeper(spec: () => ChildSpec, context: KeeperContext): Keeper {
  return keeper('edges', { ...context, restartAfterMs: 0 }, { spec })
}

/** Its reports are appended to the trace unchanged. */
export function usersKeeper(spec: () => ChildSpec, context: KeeperContext): Keeper {
  const onMessage = (message: Message): void => {
    if (message.type === 'users-second') context.append(message as unknown as EventBody)
    if (message.type === 'operations') for (const event of message['events'] as EventBody[]) context.append(event)
  }
  return keeper('users', context, { spec, onMessage })
}

type Own = Pick<KeeperOptions, 'spec' | 'ready' | 'onMessage'>

function keeper(process: ProcessName, { processContext, restartAfterMs, append }: KeeperContext, own: Own): Keeper {
  const onLife = (life: Life): void => {
    if (life.at === 'up')
      append({ type: 'process-up', process, pid: life.pid, ...(life.url === undefined ? {} : { url: life.url }) })
    if (life.at === 'down') append({ type: 'process-down', process, pid: life.pid, ...life.exit })
  }
  return new Keeper({ processContext, restartAfterMs, onLife, ...own })
}
