/**
 * The store of the strategy `token`: a session is in its client's cookie, encrypted, and what is kept here is what revokes it. Its
 * verbs are those of the store of the revocations; the sessions' own are the carrier's.
 */
import type { CarriedStore } from '../../carrier.ts'
import type { Capabilities, Capability, SessionStore } from '../../contract.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import { tokenCarrier, type TokenCarrierRules } from './carrier.ts'

export interface TokenStoreOptions extends TokenCarrierRules {
  /** Where revocations are kept; the nodes share them if it is a store that they share. */
  readonly revocations: SessionStore
  readonly onEvent: OnStoreEvent | undefined
}

const READABLE = 'sessions are signed and not encrypted: their clients can read them'

export function tokenStore({ revocations, onEvent, ...rules }: TokenStoreOptions): CarriedStore {
  const isReadable = rules.mode === 'signed'
  return {
    name: `token, revocations in ${revocations.name}`,
    capabilities: capabilitiesOver(revocations.capabilities, rules),
    carrier: (options) => tokenCarrier(rules, options),
    read: (key) => revocations.read(key),
    write: (key, write) => revocations.write(key, write),
    touch: (key, expiresAtMs) => revocations.touch(key, expiresAtMs),
    destroy: (key, destroy) => revocations.destroy(key, destroy),
    close: () => revocations.close(),

    async open() {
      await revocations.open()
      if (isReadable) onEvent?.({ event: 'content-readable' })
    },

    async health() {
      // Requests are served without revocations then.
      if (rules.revocationsOutage === 'refuse') await revocations.health()
    },

    report() {
      const report = revocations.report?.()
      return { ...report, warnings: [...(report?.warnings ?? []), ...(isReadable ? [READABLE] : [])] }
    },
  }
}

function capabilitiesOver(revocations: Capabilities, { rollback, revocationsOutage }: TokenCarrierRules): Capabilities {
  const isDetecting = rollback === 'detect'
  return {
    shared: ofRevocations(revocations.shared, 'a logout is known only to the node that served it'),
    survivesNodeDeath: isDetecting
      ? { excused: 'a node that dies before it answers leaves its client with a cookie that counts as an older copy' }
      : 'held',
    survivesStoreRestart: ofRevocations(
      revocations.survivesStoreRestart,
      'sessions that were ended are accepted again',
    ),
    fences:
      revocationsOutage === 'accept'
        ? { excused: 'with revocationsOutage=accept an ended session is accepted while its revocation can not be read' }
        : ofRevocations(revocations.fences, 'an ended session may come back'),
    comparesAndSets: {
      excused: isDetecting
        ? 'of two requests that change a session at the same time on two nodes the second is refused, and not merged'
        : 'two requests that change a session at the same time on two nodes each answer with a cookie, and the later one wins in the browser',
    },
  }
}

function ofRevocations(capability: Capability, what: string): Capability {
  return capability === 'held' ? 'held' : { excused: `${what}: ${capability.excused}` }
}
