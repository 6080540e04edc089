import type { Member } from '../../../cluster/member.ts'
import { until } from '../../../wait.ts'
import type { Fault } from '../../contract/fault.ts'

const RESUME_DEADLINE_MS = 15_000

/** SIGSTOP: the process keeps its memory and sockets, but accepts and answers nothing. */
export const pause: Fault<Member> = {
  kind: 'pause',
  on: ['node', 'store'],
  needs: ['up'],
  endsWith: ['node-resumed', 'node-down', 'process-down'],

  inject(member) {
    member.keeper.signal('SIGSTOP')
  },

  async confirm(member) {
    return (await member.observe()) === 'stopped'
  },

  async heal(member) {
    member.keeper.signal('SIGCONT')
    await until(async () => (await member.observe()) !== 'stopped', {
      deadlineMs: RESUME_DEADLINE_MS,
      what: `${member.name} to go on`,
    })
  },
}
