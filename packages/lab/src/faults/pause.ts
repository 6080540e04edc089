import { until } from '../wait.ts'
import type { Fault } from './fault.ts'

const RESUME_DEADLINE_MS = 2_000

/** SIGSTOP: the process keeps its memory, its sockets and its place, accepts nothing and answers nothing. */
export const pause: Fault = {
  kind: 'pause',
  needs: ['up'],
  endsWith: ['node-resumed', 'node-down'],

  inject(node) {
    node.keeper.signal('SIGSTOP')
  },

  async confirm(node) {
    return (await node.observe()) === 'stopped'
  },

  async heal(node) {
    node.keeper.signal('SIGCONT')
    await until(async () => (await node.observe()) !== 'stopped', {
      deadlineMs: RESUME_DEADLINE_MS,
      what: `node ${node.name} to go on`,
    })
  },
}
