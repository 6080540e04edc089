/**
 * Rendezvous hashing: each name has a score for each key, and the highest owns it. A name that comes or goes moves only the keys
 * that it owns. The clustered store places sessions by the same score, so neither can change without the other; a test
 * holds the same examples in both places.
 */

/** FNV-1a over `key`, a separator and `name`, with the finaliser of MurmurHash3, since FNV's high bits mix badly. */
export function rendezvousScore(key: string, name: string): number {
  return finished(fnv(fnv(fnv(OFFSET_BASIS, key), '\n'), name))
}

const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

function fnv(seed: number, text: string): number {
  let state = seed
  for (let index = 0; index < text.length; index += 1) state = Math.imul(state ^ text.charCodeAt(index), PRIME)
  return state
}

function finished(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
