/** The keepers of the processes beside the nodes, each with what it is told and how it is known to be ready. */
import type { EventBody, ProcessName } from '@ninelives/history'
import type { ChildSpec, Household, Message } from '../supervise/child.ts'
import { Keeper, type KeeperOptions, type Life } from '../supervise/keeper.ts'
import { until } from '../wait.ts'
import { pingRedis } from './redis.ts'

/** What every process of a cluster shares. */
export interface Beside {
  readonly household: Household
  readonly restartAfterMs: number | undefined
  readonly append: (event: EventBody) => void
}

const READY_DEADLINE_MS = 10_000

export function redisKeeper(process: 'redis' | 'replica', spec: () => ChildSpec, port: number, beside: Beside): Keeper {
  const wait = { deadlineMs: READY_DEADLINE_MS, what: 'redis-server to answer' }
  return keeper(process, beside, { spec, ready: () => until(() => pingRedis(port), wait) })
}

export function balancerKeeper(spec: () => ChildSpec, beside: Beside): Keeper {
  return keeper('balancer', beside, { spec })
}

/** Without it nobody reaches anybody, so it is back at once. */
export function edgesKeeper(spec: () => ChildSpec, beside: Beside): Keeper {
  return keeper('edges', { ...beside, restartAfterMs: 0 }, { spec })
}

/** Its reports enter the trace as they are. */
export function usersKeeper(spec: () => ChildSpec, beside: Beside): Keeper {
  const onMessage = (message: Message): void => {
    if (message.type === 'users-second') beside.append(message as unknown as EventBody)
    if (message.type === 'operations') for (const event of message['events'] as EventBody[]) beside.append(event)
  }
  return keeper('users', beside, { spec, onMessage })
}

type Own = Pick<KeeperOptions, 'spec' | 'ready' | 'onMessage'>

function keeper(process: ProcessName, { household, restartAfterMs, append }: Beside, own: Own): Keeper {
  const onLife = (life: Life): void => {
    if (life.at === 'up')
      append({ type: 'process-up', process, pid: life.pid, ...(life.url === undefined ? {} : { url: life.url }) })
    if (life.at === 'down') append({ type: 'process-down', process, pid: life.pid, ...life.exit })
  }
  return new Keeper({ household, restartAfterMs, onLife, ...own })
}
