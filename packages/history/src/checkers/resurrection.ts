import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported } from '../ledger/visit.ts'

/** What was ended is back: a session after its logout, or what was put into it in the next one. */
export const resurrection: Checker = {
  kind: 'resurrection',

  observe({ visit, done, strangers }) {
    const { sent, ended } = done
    const { user, op } = sent
    const { logout } = visit
    const isOpen = ended.as === user && sent.kind !== 'forge' && sent.kind !== 'login'
    if (isOpen && logout !== undefined && logout.endedAtMs < sent.sentAtMs && session(visit, sent.session)) {
      const text = `${user} had logged out, and ${sent.kind} found the session open again`
      return finding(visit, [logout.op, op], text)
    }
    const ghost = strangers.find(({ owner }) => owner?.visit.user === user && owner.visit.number < visit.number)
    if (ghost?.owner === undefined || !markReported(visit, `ghost ${ghost.sku}`)) return NOTHING
    const text = `${user} saw ${ghost.sku} in the cart, which belongs to a session that is over`
    return finding(visit, [ghost.owner.op, op], text)
  },
}

/** Not the cookie from before the login: what that one opens is a fixation. */
function session({ sessionBefore }: { readonly sessionBefore: string | undefined }, sent: string | undefined): boolean {
  return sessionBefore === undefined || sent !== sessionBefore
}
