/** How to choose among upstreams that are all as good, as far as their standing goes. */
import assert from 'node:assert'
import type { Rule } from './routing.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/**
 * Takes turns, each upstream as often as its share says and never in a bunch ("smooth", as nginx does it): at every turn each
 * gains its share, and the one with the most pays the sum of all.
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
 * Draws two, each as likely as its share says, and takes the one with less to do for its share. Almost as even as looking at all
 * of them, and several balancers that see only their own requests don't all run to the same one.
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
