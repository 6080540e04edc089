export { type Clock, systemClock } from './clock.ts'
export type * from './contract.ts'
export * from './errors.ts'
export { type Engine, type EngineEvent, type EngineOptions, type EngineStep, sessionEngine } from './engine.ts'
export { idempotency, type IdempotencyOptions } from './idempotency.ts'
export { type GuardOptions } from './guarded-store.ts'
export {
  type AssignedSession,
  type KoaSession,
  type MaxAge,
  type OutagePolicy,
  type SessionDraft,
  type SessionFields,
  type SessionLayer,
  type SessionMembers,
  sessions,
  type SessionsOptions,
} from './koa.ts'
export { openStore, type StoreFactory, storeSchemes, type StoreSurroundings } from './open-store.ts'
export type { SessionData } from './data.ts'
export { SessionOptionsError } from './options.ts'
export { resolve, type Resolver, type Resolvers } from './merge.ts'
export type { OpenSession, SessionInfo } from './session.ts'
export type { UserSession, UsersSessions } from './users.ts'
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
} from './binding.ts'
export { sessionHeaders, type SessionHeadersOptions, type SiteData } from './headers.ts'
export {
  type LaneName,
  type LoginAttempt,
  type LoginThrottle,
  loginThrottle,
  LoginThrottledError,
  type LoginThrottleEvent,
  type LoginThrottleOptions,
} from './login-throttle.ts'
export { type EventLog, eventLog, type SessionLayerEvent } from './event-log.ts'
export type * from './telemetry.ts'
export type { NetworkSize } from './network.ts'
export { CrossOriginError, sameOrigin, type SameOriginOptions } from './same-origin.ts'
export type { Lane } from './throttle-lane.ts'
export type { VisitorOptions, VisitorPolicy } from './visitors.ts'
