import type { Member } from '../../../cluster/member.ts'
import type { Fault } from '../../contract/fault.ts'

/** SIGKILL: the process is gone at once, with its memory and its requests in flight. */
export const kill: Fault<Member> = {
  kind: 'kill',
  on: ['node', 'store'],
  needs: ['starting', 'up', 'paused', 'draining'],
  endsWith: ['node-up', 'process-up'],
  comesBack: true,

  inject(member) {
    member.keeper.signal('SIGKILL')
  },

  async confirm(member, pid) {
    return member.pid !== pid && (await member.isGone(pid))
  },

  heal(member) {
    return member.keeper.start()
  },
}
