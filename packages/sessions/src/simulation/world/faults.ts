/** Faults put to work. */
import type { Afflictions } from './afflictions.ts'
import type { Cluster } from './cluster.ts'
import type { Fault } from './script.ts'

export interface World {
  readonly cluster: Cluster
  readonly afflictions: Afflictions
  readonly mayDie: (node: number, heir?: number) => boolean
}

export function inject(fault: Fault, { cluster, afflictions, mayDie }: World): void {
  const { network, time } = cluster
  switch (fault.kind) {
    case 'crash':
      if (!mayDie(fault.node, fault.heir)) return
      return cluster.crash(fault.node, {
        ...fault,
        mayDie: () => mayDie(fault.node, fault.heir),
        after: () => {
          afflictions.disturbed()
          time.after(fault.backMs, () => afflictions.start(fault.node))
        },
      })
    case 'close':
      return cluster.close(fault.node, {
        provenMs: fault.provenMs,
        mayDie: () => mayDie(fault.node),
        after: () => {
          afflictions.disturbed()
          time.after(fault.backMs, () => afflictions.start(fault.node))
        },
      })
    case 'pause':
      cluster.pause(fault.node, fault.forMs)
      afflictions.disturbed()
      time.after(fault.forMs, () => afflictions.disturbed())
      return
    case 'reset':
      network.reset(fault.node, fault.other)
      return afflictions.disturbed()
    case 'cut':
      return afflictions.cut(fault)
    case 'slow':
      return afflictions.slow(fault.node, fault.other, fault.byMs, fault.forMs)
  }
}
