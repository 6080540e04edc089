/**
 * The cases that every store must pass. They depend on no test runner: fail the test when a case's `run` rejects.
 *
 *     for (const { title, run } of conformance({ open })) test(title, () => run())
 *
 * A case that needs a capability which the store declares it lacks is excused, and `excused` has the store's reason.
 */
import { type Definition, definitions } from './conformance-cases.ts'
import type { Capabilities, SessionStore } from './contract.ts'

export interface ConformanceSubject {
  /** An opened store. Those of one run share their sessions if the store is one that shares. */
  readonly open: () => Promise<SessionStore>
  readonly capabilities: Capabilities
  /**
   * Kills what keeps the sessions, and starts it again, as after a crash; resolves once it may be asked. Without it nothing shows that
   * `survivesStoreRestart` is so, and its case is excused. Where it restarts a server that other cases use, run that case alone.
   */
  readonly restart?: (() => Promise<void>) | undefined
}

export interface ConformanceCase {
  readonly title: string
  /** Why the store need not pass, in its own words; undefined when it must. */
  readonly excused: string | undefined
  readonly run: () => Promise<void>
}

const NO_RESTART = 'it is claimed, and unproven: the suite was given no restart()'

export function conformance(subject: ConformanceSubject): ConformanceCase[] {
  return definitions.map(({ title, needs, restarts = false, check }) => {
    const capability = (needs && subject.capabilities[needs]) ?? 'held'
    const unproven = restarts && subject.restart === undefined ? NO_RESTART : undefined
    return {
      title,
      excused: capability === 'held' ? unproven : capability.excused,
      run: () => withStores(subject, check),
    }
  })
}

async function withStores(
  { open, restart = async () => {} }: ConformanceSubject,
  check: Definition['check'],
): Promise<void> {
  const opened: SessionStore[] = []
  const another = async (): Promise<SessionStore> => {
    const store = await open()
    opened.push(store)
    return store
  }
  try {
    await check(await another(), another, restart)
  } finally {
    await Promise.all(opened.map((store) => store.close()))
  }
}
