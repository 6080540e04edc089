/** How to choose among upstreams of equal standing. */
import assert from 'node:assert'
import type { Rule } from './routing.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/**
 * Smooth weighted round robin, as in nginx: at every turn each upstream gains its share, and the one with the most is chosen and pays the
 * sum of all shares. So turns are by weight, and spread evenly.
 */
export function weightedTurns(): Rule {
  return {
    why: 'turn',
    choose(among) {
      let sum = 0
      let most: Upstream | undefined
      for (const upstream of among) {
        const share = upstream.share()
        sum += share
        upstream.turn += share
        if (most === undefined || upstream.turn > most.turn) most = upstream
      }
      assert(most !== undefined)
      most.turn -= sum
      return most
    },
  }
}

/**
 * Power of two choices: draws two upstreams by their shares, and takes the one with fewer requests for its share. That is almost as even
 * as comparing all, and several balancers that see only their own requests don't all choose the same one.
 */
export function leastBusy(random: () => number): Rule {
  return {
    why: 'least-busy',
    choose(among) {
      const first = drawn(among, undefined, random)
      const second = among.length === 1 ? first : drawn(among, first, random)
      return load(second) < load(first) ? second : first
    },
  }
}

function drawn(among: readonly Upstream[], except: Upstream | undefined, random: () => number): Upstream {
  let sum = 0
  for (const upstream of among) if (upstream !== except) sum += upstream.share()
  let left = random() * sum
  let last: Upstream | undefined
  for (const upstream of among) {
    if (upstream === except) continue
    last = upstream
    left -= upstream.share()
    if (left < 0) break
  }
  assert(last !== undefined)
  return last
}

function load(upstream: Upstream): number {
  return (upstream.inFlight + 1) / upstream.share()
}
