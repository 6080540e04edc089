/** Where the nodes of a mesh are, and how they are to know each other: what a mesh URL comes to. */
import type { Ack } from '../../contract.ts'
import type { Address } from './address.ts'

export interface MeshLocation {
  readonly name: string
  /** Of all nodes, this one's among them, in the order of the alphabet. */
  readonly names: readonly string[]
  /** The names that found the mesh, where the others are added and removed later. Undefined: all, and they stay. */
  readonly founders: readonly string[] | undefined
  /** How many hold a session: all of them, or an owner and so many backups. */
  readonly copies: 'all' | number
  readonly listen: Address
  readonly whereabouts: Whereabouts
  /** Undefined on loopback addresses only, or where certificates do its work. */
  readonly secret: string | undefined
  readonly tls: boolean
  /** Instead of keys made of the secret. */
  readonly certificates: CertificateFiles | undefined
  readonly ack: Ack | undefined
  /** How long `open()` waits until the node can serve. */
  readonly openTimeoutMs: number | undefined
}

/** Each peer at an address of its own, or all of them somewhere behind one name. */
export type Whereabouts =
  | { readonly kind: 'list'; readonly addresses: ReadonlyMap<string, Address> }
  | { readonly kind: 'dns'; readonly at: Address }

/** Paths of PEM files. Every certificate of that authority belongs to a member: the authority signs for this mesh only. */
export interface CertificateFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}
