import { type Checker, finding, NOTHING } from './checker.ts'

/** The cookie from before a login works after it, so an attacker who planted that cookie is logged in too. */
export const fixation: Checker = {
  kind: 'fixation',

  observe({ visit, done: { sent, ended } }) {
    const { op, user, kind, session } = sent
    if (session === undefined || ended.outcome !== 'ok') return NOTHING
    if (kind === 'login' && ended.session === session) {
      return finding(visit, [op], `${user} had the same cookie before the login and after it`)
    }
    const { login, sessionBefore } = visit
    const isBack = kind === 'return' && session === sessionBefore && ended.as === user
    if (!isBack || login === undefined || login.endedAtMs >= sent.sentAtMs) return NOTHING
    return finding(visit, [login.op, op], `the cookie from before its login opened the session of ${user}`)
  },
}
