import { edgeFault } from './edge-fault.ts'

/** Some nodes are cut off from the other nodes and from the store, both ways. The balancer reaches all of them. */
export const partition = edgeFault('partition', { on: ['partition'], does: 'cut' })
