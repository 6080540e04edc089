/**
 * Who may log in: `user-0` with `password-0`, `user-1` with `password-1`, and so on.
 *
 * A login must take as long for a name that nobody has as for a wrong password, or the time tells which names exist. So
 * an unknown name is checked against a decoy of the same cost. The hashes are another matter: a real shop reads them from
 * its database, ours has to compute them, and a hundred at the standard cost take seconds. They are enrolled in the
 * background, one after the other, while the node already serves. Until the last one is there, *every* login enrols anew
 * the name that it was given, known or not, and only then checks: two hashes for everybody, afterwards one for everybody.
 * Rejected: hashing before the node is ready (seconds at each start), and hashing each account at its first login (slower
 * for a name that exists than for one that does not).
 */
import { randomBytes } from 'node:crypto'
import type { PasswordCost } from '../config.ts'
import { displayNameOf } from './names.ts'
import { hashPassword, type PasswordHash, passwordMatches } from './passwords.ts'
import { slots } from './slots.ts'

export interface Account {
  readonly name: string
  /** What the shop calls the person. */
  readonly displayName: string
}

export interface Accounts {
  find(name: string): Account | undefined
  /** Resolves undefined for an unknown name and for a wrong password, after the same work. */
  verify(name: string, password: string): Promise<Account | undefined>
  /** Resolves when every password is enrolled. Nothing has to wait for it. */
  readonly enrolled: Promise<void>
}

export interface AccountsOptions {
  readonly count: number
  readonly cost: PasswordCost
}

/** Of libuv's four threads two are left to everything else; each verification holds up to 19 MiB while it runs. */
const VERIFICATIONS_RUNNING_MAX = 2
const VERIFICATIONS_WAITING_MAX = 500

export function demoAccounts({ count, cost }: AccountsOptions): Accounts {
  const people = new Map<string, Account>()
  for (let number = 0; number < count; number++) {
    const name = `user-${number}`
    people.set(name, Object.freeze({ name, displayName: displayNameOf(number) }))
  }

  const hashes = new Map<string, PasswordHash>()
  let decoy: PasswordHash | undefined

  async function enrolAll(): Promise<void> {
    for (const name of people.keys()) hashes.set(name, await hashPassword(passwordOf(name), cost))
    decoy = await hashPassword(passwordOfNobody(), cost)
  }

  async function hashFor(name: string): Promise<PasswordHash> {
    if (decoy !== undefined) return hashes.get(name) ?? decoy
    return await hashPassword(people.has(name) ? passwordOf(name) : passwordOfNobody(), cost)
  }

  const oneOfFew = slots({ runningMax: VERIFICATIONS_RUNNING_MAX, waitingMax: VERIFICATIONS_WAITING_MAX })

  return {
    find: (name) => people.get(name),
    verify: (name, password) =>
      oneOfFew(async () => {
        const matches = await passwordMatches(password, await hashFor(name), cost)
        return matches ? people.get(name) : undefined
      }),
    enrolled: enrolAll(),
  }
}

function passwordOf(name: string): string {
  return name.replace('user', 'password')
}

function passwordOfNobody(): string {
  return randomBytes(32).toString('base64url')
}
