/**
 * The change of a superseded bearer, which has the id from before a login. Nothing of the session is shown to this bearer, and
 * nothing taken from it, but a login as the user it belongs to. So a login whose answer was lost can be sent again, with the
 * id from before, and has to pass the same check of its password.
 */
import { decodeData, EMPTY_DATA, encodeData, type SessionData } from '../record/data.ts'
import { type Draft, type Make, textOf } from './draft.ts'
import { SessionGoneError } from '../errors.ts'
import { merge, type Resolvers } from '../record/merge.ts'
import { userTag } from '../secrets/id.ts'
import type { Snapshot } from '../record/record.ts'

interface Users {
  readonly userOf: (data: SessionData) => string | undefined
  readonly resolvers: Resolvers
}

/** Throws SessionGoneError where the change is no login. As another user it begins another session, empty of this one. */
export function loginAgain<T>(
  current: Snapshot | undefined,
  make: Make<T>,
  { userOf, resolvers }: Users,
): (Draft & { readonly result: T }) | 'as-another-user' {
  const { data: mine, result } = make(EMPTY_DATA)
  const user = userOf(mine)
  if (user === undefined) throw new SessionGoneError()
  if (userTag(user) !== current?.body.user) return 'as-another-user'
  const data = merge({}, mine, decodeData(textOf(current)), resolvers)
  return { data, dataText: encodeData(data), result }
}
