/**
 * Who may log in: `user-0` with `password-0`, `user-1` with `password-1`, and so on.
 *
 * A login must take as long for an unknown name as for a wrong password, or its time would reveal which names exist. So an unknown
 * name is checked against a decoy hash of the same cost. A real shop reads the hashes from its database. This one computes them, and
 * a hundred at the standard cost take seconds, so they are computed in the background while the node serves. Until all are done,
 * *every* login first hashes the password of its name, known or not, and then checks: two hashes for every login, later one.
 * Rejected: to hash before the node is ready (seconds at each start), and to hash each account at its first login (which is slower
 * for names that exist).
 */
import { randomBytes } from 'node:crypto'
import type { PasswordCost } from '../config.ts'
import { displayNameOf } from './names.ts'
import { hashPassword, type PasswordHash, passwordMatches } from './passwords.ts'
import { slots } from './slots.ts'

export interface Account {
  readonly name: string
  /** The name that the page shows. */
  readonly displayName: string
}

export interface Accounts {
  find(name: string): Account | undefined
  /** Resolves undefined for an unknown name or a wrong password, after the same work. */
  verify(name: string, password: string): Promise<Account | undefined>
  /** Resolves when every password is hashed. Callers need not wait for it. */
  readonly enrolled: Promise<void>
}

export interface AccountsOptions {
  readonly count: number
  readonly cost: PasswordCost
}

/** Leaves two of libuv's four threads to other work; each verification takes up to 19 MiB. */
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
