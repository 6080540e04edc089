/**
 * Which peers hold which keys. Keys fall into buckets, and the replicas of a bucket are the first of all *configured* names
 * by rendezvous hash, alive or not: a death moves nothing, so a restart copies nothing to third nodes. The price: while a node
 * is away, its buckets have one copy less.
 */
import { bit, has } from '../wire/ranks.ts'

export interface Placement {
  bucketOf(key: string): number
  /** The ranks that hold a bucket, as a set. */
  replicas(bucket: number): number
  /** The same, the first choice first. */
  preference(bucket: number): readonly number[]
  /** How many replicas every bucket has. */
  readonly copies: number
  readonly buckets: number
}

export function placement(names: readonly string[], copies: 'all' | number, buckets: number): Placement {
  const replicasCount = copies === 'all' ? names.length : Math.min(copies + 1, names.length)
  const hashes = names.map((name) => hashOf(name))
  const preferences = Array.from({ length: buckets }, (_, bucket) => {
    const weight = (rank: number): number => mixed((hashes[rank] ?? 0) ^ mixed(bucket + 1)) >>> 0
    const ranks = names.map((_, rank) => rank).sort((left, right) => weight(right) - weight(left) || left - right)
    return ranks.slice(0, replicasCount)
  })
  const sets = preferences.map((ranks) => ranks.reduce((set, rank) => set | bit(rank), 0))
  return {
    bucketOf: (key) => (hashOf(key) >>> 0) % buckets,
    replicas: (bucket) => sets[bucket] ?? 0,
    preference: (bucket) => preferences[bucket] ?? [],
    copies: replicasCount,
    buckets,
  }
}

/** A set of ranks in the order of preference of a bucket. */
export function preferred(placement: Placement, bucket: number, set: number): number[] {
  return placement.preference(bucket).filter((rank) => has(set, rank))
}

/** FNV-1a over UTF-16 units, mixed so that the low bits are as good as the high ones. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return mixed(hash)
}

export function mixed(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
