import { runState } from '../supervise/process-table.ts'
import type { Fault } from './fault.ts'

/** SIGKILL: the process is gone at once, with everything in its memory and everything in flight. */
export const kill: Fault = {
  kind: 'kill',
  needs: ['starting', 'up', 'paused', 'draining'],
  endsWith: ['node-up'],

  inject(node) {
    node.keeper.signal('SIGKILL')
  },

  async confirm(node, pid) {
    return node.pid !== pid && (await runState(pid)) === 'gone'
  },

  heal(node) {
    return node.keeper.start()
  },
}
