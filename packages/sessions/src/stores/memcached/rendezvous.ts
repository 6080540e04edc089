/**
 * Which server a key is on: the one with the highest weight for it (rendezvous hashing). A server that is added or removed moves
 * only its own share of the keys, and the order of the names does not matter.
 */

/** Every process with the same names places every key alike. */
export function rendezvous(names: readonly string[]): (key: string) => number {
  const seeds = names.map((name) => fnv1a(name))
  return (key) => {
    const hash = fnv1a(key)
    let best = 0
    let heaviest = -1
    for (const [index, seed] of seeds.entries()) {
      const weight = mixed(hash ^ seed)
      // Of two equal weights, the name decides.
      if (weight < heaviest || (weight === heaviest && (names[index] ?? '') < (names[best] ?? ''))) continue
      best = index
      heaviest = weight
    }
    return best
  }
}

/** 32 bits of FNV-1a. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}

/** The finalizer of MurmurHash3: each bit of the input changes each bit of the output half of the time. */
function mixed(bits: number): number {
  let hash = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
