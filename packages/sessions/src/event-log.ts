/** Writes what the session layer tells as lines of a log: a level and a sentence for each event. */
import type { EngineEvent } from './context/engine-options.ts'
import type { LoginThrottleEvent } from './protection/login-throttle.ts'
import type { StoreEvent } from './telemetry.ts'

/** Every event of the session layer. Each part of it has an `onEvent`. */
export type SessionLayerEvent = StoreEvent | EngineEvent | LoginThrottleEvent

/** A pino logger is one. */
export interface EventLog {
  debug(about: object, line: string): void
  info(about: object, line: string): void
  warn(about: object, line: string): void
  error(about: object, line: string): void
}

type Line = readonly [level: keyof EventLog, line: string]

const LINES: Readonly<Record<SessionLayerEvent['event'], Line>> = {
  'store-down': ['error', 'the session store does not answer: requests are refused until it does'],
  'store-up': ['info', 'the session store answers again'],
  'changes-refused': ['error', 'the session store refuses changes: sessions are read, and none is begun or changed'],
  'changes-accepted': ['info', 'the session store accepts changes again'],
  'copies-fewer': ['warn', 'changes are acknowledged with fewer copies: they are lost if this server dies'],
  'copies-refused': ['error', 'changes are refused: this server has too few replicas'],
  'copies-restored': ['info', 'changes have all their copies again'],
  'sessions-forgotten': ['error', 'the session store has started again, empty: the sessions that it had are lost'],
  'sessions-evicted': ['error', 'the session store is full and gives up sessions: their users are logged out'],
  'mirror-down': ['warn', 'the mirror of the session store does not answer: changed sessions wait for it'],
  'mirror-up': ['info', 'the mirror of the session store answers again'],
  'mirror-skips': ['error', 'too many changed sessions wait for the mirror: further ones are not copied'],
  'mirror-refuses': ['error', 'the mirror of the session store refuses a session, and takes others: it lacks that one'],
  'store-risk': ['warn', 'the session store may lose sessions'],
  'changes-lost': ['error', 'acknowledged changes of a session are lost'],
  'mesh-linked': ['info', 'linked to a peer'],
  'mesh-unlinked': ['info', 'not linked to a peer'],
  'mesh-refused': ['warn', 'a peer was refused, or has refused this node'],
  'mesh-strangers': ['warn', 'connections that prove nothing are dropped for newer ones'],
  'mesh-view': ['info', 'the mesh has a new view'],
  'mesh-repaired': ['warn', 'records that differed between nodes were mended'],
  'mesh-lost': ['error', 'all nodes that held the sessions are gone: the mesh begins anew without them'],
  theft: ['warn', 'an id that was rotated away came back: its session may have been stolen'],
  unreadable: ['error', 'a stored session is damaged, or of a newer program: it is left as it is'],
  merged: ['debug', "a commit met another request's and was merged with it"],
  'touch-failed': ['warn', 'the expiry of a session could not be moved'],
  'index-failed': ['warn', "the list of a user's sessions could not be changed"],
  'answer-failed': ['error', 'what a keyed request did could not be noted: its repeat runs again'],
  'key-forgotten': [
    'warn',
    'a session has more idempotency keys than it may: the oldest was forgotten before its time',
  ],
  'visitor-refused': ['warn', 'visitors of one address have begun too many sessions: further ones are refused'],
  'cookie-refused': ['debug', 'a cookie opens no session: it is damaged, forged or over'],
  'cookie-older': ['warn', 'an older copy of a session cookie came back: it was refused'],
  'content-readable': ['warn', 'sessions are signed and not encrypted: their clients can read them'],
  adopted: ['debug', 'a session of the old software was adopted'],
  'single-taken-over': ['warn', 'the node that ran a single() gave no sign of life: this one runs it'],
  throttled: ['warn', 'a login was refused: too many have failed'],
  uncounted: ['warn', 'a login attempt could not be counted'],
}

/** For the `onEvent` of `openStore`, `sessions` and `loginThrottle` alike. */
export function eventLog(log: EventLog): (event: SessionLayerEvent) => void {
  return (event) => {
    const [level, sentence] = LINES[event.event]
    const { line = sentence, ...about } = event as SessionLayerEvent & { readonly line?: string }
    log[level](about, line)
  }
}
