import { type Checker, finding, NOTHING } from './checker.ts'
import { markReported } from '../ledger/visit.ts'

/** A session works after its logout, or its items appear in the user's next session. */
export const resurrection: Checker = {
  kind: 'resurrection',

  observe({ visit, done, strangers }) {
    const { sent, ended } = done
    const { user, op } = sent
    const { logout } = visit
    const isMove = sent.kind === 'move' && ended.outcome === 'ok'
    const isOpen = isMove || (ended.as === user && sent.kind !== 'forge' && sent.kind !== 'login')
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

/** Whether the cookie is not the one from before the login, which would be a fixation. */
function session({ sessionBefore }: { readonly sessionBefore: string | undefined }, sent: string | undefined): boolean {
  return sessionBefore === undefined || sent !== sessionBefore
}
