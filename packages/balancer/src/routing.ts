/**
 * Which upstream a request is tried at next. An upstream that takes traffic comes first; when none is left, one that drains;
 * when none is left of those either, one that was ejected ("panic"): the evidence against it may be old or wrong, a request
 * that fails there would have failed anyway, and so the last upstream is never out of use.
 */
import type { AffinityCookies } from './affinity-cookies.ts'
import type { Standing } from './health.ts'
import type { Upstream } from './upstream.ts'

export interface Choice {
  readonly upstream: Upstream
  /** Goes out with this upstream's answer. */
  readonly setCookie: string | undefined
}

export interface Routing {
  /** Undefined when every upstream was tried or has as much as it may have. */
  pick(cookieHeader: string | undefined, tried: readonly Upstream[]): Choice | undefined
}

const PREFERENCE: readonly Standing[] = ['up', 'draining', 'down']

export function roundRobin(upstreams: readonly Upstream[]): Routing {
  let turn = 0
  return {
    pick(_cookieHeader, tried) {
      turn = (turn + 1) % Number.MAX_SAFE_INTEGER
      for (const standing of PREFERENCE) {
        const fit = upstreams.filter((upstream) => isFit(upstream, standing, tried))
        const upstream = fit[turn % fit.length]
        if (upstream !== undefined) return { upstream, setCookie: undefined }
      }
      return undefined
    },
  }
}

/** A client stays where its cookie says, as long as that upstream takes traffic; otherwise it moves, and its cookie with it. */
export function affinity(upstreams: readonly Upstream[], cookies: AffinityCookies): Routing {
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  const unpinned = roundRobin(upstreams)
  return {
    pick(cookieHeader, tried) {
      const pin = cookies.read(cookieHeader)
      const pinned = pin === undefined ? undefined : byName.get(pin.name)
      if (pin !== undefined && pinned !== undefined && isFit(pinned, 'up', tried)) {
        return { upstream: pinned, setCookie: pin.current ? undefined : cookies.issue(pin.name) }
      }
      const choice = unpinned.pick(cookieHeader, tried)
      return choice && { upstream: choice.upstream, setCookie: cookies.issue(choice.upstream.name) }
    },
  }
}

function isFit(upstream: Upstream, standing: Standing, tried: readonly Upstream[]): boolean {
  return upstream.standing === standing && upstream.hasRoom && !tried.includes(upstream)
}
