import { edgeFault } from './edge-fault.ts'

/** Cuts some nodes off from the other nodes and the store, in both directions. The balancer still reaches all nodes. */
export const partition = edgeFault('partition', { on: ['partition'], does: 'cut' })
