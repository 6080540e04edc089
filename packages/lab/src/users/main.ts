/** The process of the virtual users. It reports to the lab over its channel, and ends with the lab. */
import { type NodeAddress, startLoad } from './load.ts'

/** The command-line argument, as JSON. */
interface UsersArguments {
  readonly target: string
  readonly users: number
  readonly tabs: number
  readonly together: boolean
  readonly rate: number
  readonly readShare?: number
  readonly floor: number
  readonly seed: number
  readonly idempotencyKeys: boolean
  /** Above all operation numbers of earlier processes. */
  readonly firstOp: number
  /** The start of the trace's clock, in nanoseconds of the system's monotonic clock. */
  readonly originNs: string
}

/** The lab's later messages. */
interface Asked {
  readonly type?: string
  readonly id?: string
  readonly nodes?: readonly NodeAddress[]
  readonly rate?: number
  readonly operation?: number
}

const { target, originNs, ...options } = JSON.parse(process.argv[2] ?? '{}') as UsersArguments
const origin = BigInt(originNs)

const load = startLoad({
  ...options,
  target: new URL(target),
  now: () => Number(process.hrtime.bigint() - origin) / 1e6,
  onSecond: (second) => process.send?.(second),
  onOperations: (events) => process.send?.({ type: 'operations', events }),
})

process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(0))
process.on('message', (message) => {
  const { type, id, nodes, rate, operation } = message as Asked
  if (type === 'pace' && rate !== undefined) void load.pace(rate).then(() => process.send?.({ type: 'paced', id }))
  if (type === 'reach' && operation !== undefined)
    void load.reach(operation).then(() => process.send?.({ type: 'reached', id }))
  if (type === 'settle') void load.settle(nodes ?? []).then(() => process.send?.({ type: 'settled', id }))
})
process.send?.({ type: 'ready' })
