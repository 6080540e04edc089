/** The routing that a configuration asks for. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { affinityCookies } from './affinity-cookies.ts'
import { affinity } from './affinity.ts'
import { bySession } from './by-session.ts'
import type { Config } from '../config/config.ts'
import { byRule } from './routing.ts'
import type { Routing } from './routing.ts'
import { leastBusy, weightedTurns } from './rules.ts'
import type { Upstream } from '../upstreams/upstream.ts'

const KEY_BYTES = 32
/** Random where none is configured, and made once a process, so that pins survive a reload. */
const ownKey = randomBytes(KEY_BYTES).toString('base64url')

/** `upstreams` may change later. */
export function configuredRouting(config: Config, upstreams: readonly Upstream[], log: Logger): Routing {
  const turns = byRule(upstreams, weightedTurns())
  switch (config.routing) {
    case 'round-robin':
      return turns
    case 'least-busy':
      return byRule(upstreams, leastBusy(Math.random))
    case 'affinity': {
      if (config.affinityKeys === undefined) {
        log.warn('AFFINITY_KEYS is not set: a key was made up, so clients will be pinned anew after a restart')
      }
      const keys = config.affinityKeys ?? [ownKey]
      return affinity({
        upstreams,
        cookies: affinityCookies({ upstreams, keys, secure: config.cookieSecure }),
        unpinned: turns,
      })
    }
    case 'session-id': {
      const { sessionCookie: cookieName } = config
      return bySession({ upstreams, cookieName, loadBoundPercent: () => config.loadBoundPercent, sessionless: turns })
    }
  }
}
