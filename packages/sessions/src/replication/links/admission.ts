/**
 * Which nodes a node accepts as peers, once they have proven who they are. Of two nodes with one name the one that is up
 * stays. Where two other nodes are each linked to a different one, both are refused until one is gone, because either could
 * be the one that a majority counts.
 */
import type { Identity, HandshakeRefusal } from './handshake.ts'

export interface UpLink {
  readonly peer: Identity | undefined
  readonly heardAtMs: number
}

export interface Admission {
  /** The reason to refuse, or undefined. `expected`: the node that should answer at the dialled address. */
  objection(
    peer: Identity,
    dialled: { readonly expected: string | undefined } | undefined,
  ): HandshakeRefusal | undefined
  /** Two nodes were seen with that name. */
  contest(name: string): void
}

/**
 * An awake node says something several times in this time. A quiet one says nothing, so that another node with its name is taken for the
 * same one after a restart, until both were seen: see `contest`.
 */
export const ALIVE_WITHIN_MS = 200
const CONTESTED_MS = 2_000

export function admission(
  self: Identity,
  names: readonly string[],
  linkTo: (name: string) => UpLink | undefined,
  now: () => number = () => performance.now(),
): Admission {
  const contestedUntilMs = new Map<string, number>()

  return {
    objection(peer, dialled) {
      if (peer.name === self.name) return sameName(self, peer)
      if (peer.cluster !== self.cluster || !names.includes(peer.name)) {
        return {
          code: 'stranger',
          line: `${peer.name} was told of ${peer.cluster}, and ${self.name} of ${self.cluster}`,
        }
      }
      const expected = dialled?.expected
      if (expected !== undefined && expected !== peer.name)
        return { code: 'stranger', line: `where ${self.name} expects ${expected}, ${peer.name} answers` }
      if (isTaken(peer, linkTo(peer.name), now()) || (contestedUntilMs.get(peer.name) ?? 0) > now())
        return { code: 'duplicate', line: `two nodes have the name ${peer.name}` }
      if (dialled === undefined && self.name < peer.name)
        return { code: 'dial-back', line: `${self.name} dials ${peer.name}` }
      return undefined
    },

    contest(name) {
      contestedUntilMs.set(name, now() + CONTESTED_MS)
    },
  }
}

function sameName(self: Identity, peer: Identity): HandshakeRefusal {
  return peer.incarnation === self.incarnation
    ? { code: 'itself', line: `${self.name} reached itself` }
    : { code: 'duplicate', line: `two nodes have the name ${self.name}` }
}

function isTaken(peer: Identity, link: UpLink | undefined, nowMs: number): boolean {
  return (
    link?.peer !== undefined && link.peer.incarnation !== peer.incarnation && nowMs - link.heardAtMs < ALIVE_WITHIN_MS
  )
}
