export { type Clock, systemClock } from './clock.ts'
export type * from './contract.ts'
export * from './errors.ts'
export { type OldSession, type OldSessions, type OldSessionsOptions, openOldSessions } from './adoption/old-sessions.ts'
export { type Engine, sessionEngine } from './engine/engine.ts'
export { type EngineEvent, type EngineOptions, type EngineStep } from './context/engine-options.ts'
export { idempotency, type IdempotencyOptions } from './koa/idempotency.ts'
export { type GuardOptions } from './stores/guard/guarded-store.ts'
export {
  type AssignedSession,
  type KoaSession,
  type MaxAge,
  type OutagePolicy,
  type SessionDraft,
  type SessionFields,
  type SessionLayer,
  type SessionMembers,
  type UpdateOptions,
  sessions,
  type SessionsOptions,
} from './koa/koa.ts'
export { openStore, type StoreFactory, storeSchemes, type OpenStoreOptions } from './stores/open-store.ts'
export type { SessionData } from './record/data.ts'
export { SessionOptionsError } from './options.ts'
export { mergeItems, type MergeItemsOptions } from './record/merge-items.ts'
export { resolve, type Resolver, type Resolvers } from './record/merge.ts'
export type { SingleOptions } from './engine/single-flight.ts'
export type { OpenSession, SessionInfo } from './engine/session.ts'
export type { UserSession, UsersSessions } from './users/users.ts'
export {
  BINDING_FIELD,
  type Binder,
  type BindingPolicy,
  type Client,
  ReauthenticationError,
  sessionBinder,
  type SessionBinding,
  sessionBinding,
  type SessionBindingOptions,
  SessionMovedError,
  type Verdict,
} from './protection/binding.ts'
export { sessionHeaders, type SessionHeadersOptions, type SiteData } from './protection/headers.ts'
export {
  type LaneName,
  type LoginAttempt,
  type LoginThrottle,
  loginThrottle,
  LoginThrottledError,
  type LoginThrottleEvent,
  type LoginThrottleOptions,
} from './protection/login-throttle.ts'
export { type EventLog, eventLog, type SessionLayerEvent } from './event-log.ts'
export type * from './telemetry.ts'
export type { SessionMetrics, SessionTracing } from './observability/observers.ts'
export type { SessionEnd, SessionsReport } from './observability/session-counts.ts'
export type { NetworkSize } from './network.ts'
export { CrossOriginError, sameOrigin, type SameOriginOptions } from './protection/same-origin.ts'
export type { Lane } from './protection/throttle-lane.ts'
export type { VisitorOptions, VisitorPolicy } from './context/visitors.ts'
