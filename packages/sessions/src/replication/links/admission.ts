/**
 * Whom a node takes for a peer, once that has proven what it says of itself. Of two nodes with one name the one that is up
 * stays; where two others each took another of them, both are refused until one is gone, because either could be the one
 * that a majority is counted with.
 */
import type { Identity, HandshakeRefusal } from './handshake.ts'

export interface UpLink {
  readonly peer: Identity | undefined
  readonly heardAtMs: number
}

export interface Admission {
  /** LinkEnd not, or undefined. `expected` is who should answer at an address that was dialled. */
  objection(
    peer: Identity,
    dialled: { readonly expected: string | undefined } | undefined,
  ): HandshakeRefusal | undefined
  /** Two nodes were seen with that name. */
  contest(name: string): void
}

/** Nodes say something several times in this time. */
const ALIVE_WITHIN_MS = 200
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
