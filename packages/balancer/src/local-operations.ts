/** What an operator can ask of this process, and change in it. */
import type { Decisions } from './decisions.ts'
import { OperationError } from './membership.ts'
import type { Membership } from './membership.ts'
import type { Metrics } from './metrics.ts'
import type { Change, Operations, UpstreamView } from './operations.ts'
import type { Pool } from './pool.ts'
import { upstreamList, UPSTREAM_TAKES } from './upstream-list.ts'
import type { UpstreamAddress } from './upstream-list.ts'
import type { Upstream } from './upstream.ts'

export interface LocalOperationsOptions {
  readonly pool: Pool
  readonly membership: Membership
  readonly metrics: Metrics
  readonly decisions: Decisions
  readonly drainMs: () => number
  readonly isReady: () => boolean
  readonly reload: () => Promise<void>
}

export function localOperations(options: LocalOperationsOptions): Operations {
  const { pool, membership, metrics, decisions, drainMs, isReady, reload } = options
  return {
    get ready() {
      return isReady()
    },
    upstreams: async () => pool.upstreams.map((upstream) => view(upstream, membership)),
    decisions: async (limit, kind) => decisions.latest(limit, kind),
    metrics: async () => [await metrics.snapshot()],
    async change(change) {
      await apply(change, membership, drainMs())
      const name = change.do === 'add' ? change.upstream.split('=', 1)[0] : change.name
      decisions.note('admin', change.do, undefined, name, undefined)
    },
    reload,
  }
}

/** A drain has begun when this resolves, and ends by itself. */
async function apply(change: Change, membership: Membership, drainMs: number): Promise<void> {
  switch (change.do) {
    case 'add':
      return membership.add(addressIn(change.upstream), 'admin')
    case 'weigh':
      return membership.weigh(change.name, change.weight)
    case 'drain':
      return void membership.drain(change.name, change.withinMs ?? drainMs)
    case 'remove':
      return void membership.remove(change.name, change.withinMs ?? drainMs)
    case 'resume':
      return membership.resume(change.name)
  }
}

/** Throws OperationError where it is anything but the address of one upstream. */
export function addressIn(text: string): UpstreamAddress {
  const [address, another] = upstreamList(text)?.addresses ?? []
  if (address !== undefined && another === undefined) return address
  throw new OperationError('INVALID', `An upstream is ${UPSTREAM_TAKES}; here one at a time, and no dns.`)
}

function view(upstream: Upstream, membership: Membership): UpstreamView {
  const { name, url, standing: state, inFlight, tunnels, weight, incarnation } = upstream
  return { name, url, state, inFlight, tunnels, weight, incarnation, source: membership.sourceOf(upstream) }
}
