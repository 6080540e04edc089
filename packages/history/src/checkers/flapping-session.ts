import { type Checker, finding, NOTHING } from './checker.ts'

/** A session was gone and then there again: some node does not have it. */
export const flappingSession: Checker = {
  kind: 'flapping-session',

  observe({ visit, moment, isOwn }) {
    const { refusal, login, user } = visit
    if (!isOwn || refusal === undefined || login === undefined) return NOTHING
    if (moment.sentAtMs <= refusal.endedAtMs) return NOTHING
    const nodes = [refusal.node, moment.node]
    const where = nodes.includes(undefined) ? '' : ` (${nodes[0]} did not know the session, ${nodes[1]} did)`
    const text = `${user} was told to log in, and then was logged in after all${where}`
    return finding(visit, [login.op, refusal.op, moment.op], text)
  },
}
