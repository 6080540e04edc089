/**
 * Rendezvous hashing: each name has a score for each bucket, and the highest owns it. A name that comes or goes moves only its own
 * buckets. The clustered store places sessions by the same score in as many buckets, so neither can change without the other; a test
 * states the common results.
 */

/** As many as the clustered store has. */
const BUCKETS = 1_024

/** Where a key belongs, to be scored for each name. */
export function placeOf(key: string): number {
  return mixed(((hashOf(key) >>> 0) % BUCKETS) + 1)
}

export function scoreOf(place: number, name: string): number {
  return mixed(hashOf(name) ^ place) >>> 0
}

/** The score of one name for one key. */
export function rendezvousScore(key: string, name: string): number {
  return scoreOf(placeOf(key), name)
}

/** FNV-1a over UTF-16 units, mixed so that the low bits are as good as the high ones. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mixed(hash)
}

/** The finaliser of MurmurHash3. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
