/**
 * What the session layer tells of its store: events, each worth a line in an operator's log, and every call, for counters and
 * latency by verb. Both are plain callbacks that run inside the request, so they should be cheap and must not throw. Numbers
 * that grow too fast to be told one by one are asked for instead: `report()` of a store.
 */
export type StoreEvent =
  | BreakerEvent
  | RefusalEvent
  | CopiesEvent
  | ForgettingEvent
  | MirrorEvent
  | RiskEvent
  | ReadableEvent
  | MeshEvent
  | BehindEvent

/** The breaker: too many calls in a row failed, so calls are refused without asking the store; or it serves again. */
export type BreakerEvent =
  | { readonly event: 'store-down'; readonly store: string; readonly reason: string }
  | { readonly event: 'store-up'; readonly store: string; readonly downMs: number; readonly callsRefused: number }

/** The store answers and refuses changes, as when it is full or has become a replica: told when it begins and when it ends. */
export type RefusalEvent =
  | { readonly event: 'changes-refused'; readonly server: string; readonly reason: string }
  | { readonly event: 'changes-accepted'; readonly server: string }

/**
 * A Redis primary without the replicas that `ack` asks for. `copies-fewer`: its writes are acknowledged all the same, and are
 * lost if it dies; told when it begins and once a minute while it lasts. `copies-refused`: its writes are refused.
 */
export interface CopiesEvent {
  readonly event: 'copies-fewer' | 'copies-refused' | 'copies-restored'
  readonly server: string
  readonly copies: number
  readonly copiesWanted: number
  /** Since the first write that too few copies had. */
  readonly forMs: number
  /** How long writes go on being acknowledged with fewer copies; 0 once they are refused. */
  readonly leftMs: number
  /** Acknowledged with fewer copies in that time. */
  readonly writes: number
}

/** Told once the store is open: what of its server's settings and state loses sessions, or may. See findings.ts. */
export interface RiskEvent {
  readonly event: 'store-risk'
  readonly store: string
  /** What was looked at, such as `eviction-policy`. */
  readonly about: string
  readonly losesSessions: boolean
  /** For a person. */
  readonly line: string
  readonly remedy: string | undefined
}

/** The store's sessions are in their clients' cookies, and not encrypted. */
export interface ReadableEvent {
  readonly event: 'content-readable'
}

/** Memcached has started again, empty; or it was full, and gave up so many records (told at most once a minute). */
export type ForgettingEvent =
  | { readonly event: 'sessions-forgotten'; readonly server: string }
  | { readonly event: 'sessions-evicted'; readonly server: string; readonly records: number }

/**
 * Each told once. `mirror-skips`: so many changed records wait for the mirror that a further one was not queued. `mirror-refuses`: it takes
 * other records, and not this one.
 */
export type MirrorEvent =
  | { readonly event: 'mirror-down' | 'mirror-refuses'; readonly store: string; readonly reason: string }
  | { readonly event: 'mirror-up' | 'mirror-skips'; readonly store: string; readonly queued: number }

export interface LinkEvent {
  /** `mesh-strangers`: connections that prove nothing are dropped to make room. Each is told once for as long as it is so. */
  readonly event: 'mesh-linked' | 'mesh-unlinked' | 'mesh-refused' | 'mesh-strangers'
  /** The name of a node, or an address where it has told none. */
  readonly peer: string
  /** For a person. */
  readonly line: string
}

export type MeshEvent =
  | LinkEvent
  | { readonly event: 'mesh-view'; readonly number: number; readonly roles: Readonly<Record<string, string>> }
  | { readonly event: 'mesh-repaired'; readonly records: number }
  | { readonly event: 'mesh-lost' }

/**
 * Acknowledged changes of one session were given up: another node has changed or ended it meanwhile, the store refused them for half a
 * minute while it was well, or this node has closed while the store was out.
 */
export interface BehindEvent {
  readonly event: 'changes-lost'
  readonly store: string
  readonly changes: number
  readonly reason: string
}

export type OnStoreEvent = (event: StoreEvent) => void

export type StoreVerb = 'read' | 'write' | 'touch' | 'destroy'

/** A call that was sent to the store. Calls that the breaker refused are counted in `store-up`. */
export interface StoreCall {
  readonly verb: StoreVerb
  /** `failed`: without the answer that was asked for. */
  readonly outcome: 'ok' | 'failed'
  readonly durationMs: number
}

/** What a store says of itself when it is asked, as for a readiness probe or a scrape of metrics. */
export interface StoreReport {
  /** One line each: what is amiss while the store serves all the same. Empty when all is well. */
  readonly warnings: readonly string[]
  readonly copies?: CopiesReport
  readonly memcached?: MemcachedReport
  readonly mesh?: MeshReport
  readonly cache?: CacheReport
  readonly mirror?: MirrorReport
  readonly behind?: BehindReport
}

/** Of changes that were acknowledged before the store had them. */
export interface BehindReport {
  /** Which the store does not have yet, and the age of the oldest of them. */
  readonly changes: number
  readonly lagMs: number
  /** Since the start: the longest that a change took to be in the store, and how many never came there. */
  readonly lagMaxMs: number
  readonly lostChanges: number
}

/** Of the copies that a node keeps in its memory of records in a shared store. */
export interface CacheReport {
  readonly copies: number
  readonly bytes: number
  /** Since the start, like the following: reads from memory. */
  readonly hits: number
  readonly misses: number
  /** Copies that were given up because they were, or might be, outdated. */
  readonly dropped: number
}

export interface MirrorReport {
  /** Changed records that the mirror does not have yet. */
  readonly queued: number
  /** How long the oldest of them has waited. */
  readonly lagMs: number
  /** Since the start, like the following. */
  readonly copied: number
  /** Changes that were not queued, because too many waited: the mirror lacks them until the next change of the record. */
  readonly skipped: number
  /** Changed records that the mirror does not take now, although it takes others. Each is tried every half a minute. */
  readonly refused: number
}

export interface CopiesReport {
  /** Primaries that have fewer replicas than `ack` asks for. */
  readonly serversLacking: number
  /** Since the start. */
  readonly writesWithFewer: number
  readonly writesRefused: number
}

export interface MemcachedReport {
  readonly servers: readonly {
    /** Its address. */
    readonly server: string
    /** Whether it answered the last call. */
    readonly isUp: boolean
    /** Since this process opened the store. */
    readonly restarts: number
    readonly evicted: number
    /** As of the last look, some seconds ago. */
    readonly items: number
    readonly bytes: number
    readonly bytesMax: number
  }[]
}

export interface MeshReport {
  readonly peers: number
  readonly linked: readonly string[]
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Connections that were refused, that sent what is no message, and that proved nothing and made room for others. */
  readonly refusals: number
  readonly malformed: number
  readonly strangers: number
  readonly repaired: number
}
