/**
 * The fields that each type of event must have, as readers rely on them. A trace may come from anywhere: a malformed event ends
 * the valid part of the trace and must do no other harm. Fields that are not listed are at most shown to people.
 */
import type { TraceEvent } from './events.ts'

type Check = (value: unknown) => boolean
type Shape = Readonly<Record<string, Check>>

/** The last date that JavaScript has. */
const DATE_MAX_MS = 8.64e15

const text: Check = (value) => typeof value === 'string'
/** JSON has numbers that are read as Infinity. */
const number: Check = (value) => Number.isFinite(value)
/** Milliseconds that can be added to others and shown as a date. */
export const instant: Check = (value) => number(value) && Math.abs(value as number) <= DATE_MAX_MS / 2
const object: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const counts: Check = (value) => object(value) && Object.values(value as object).every(number)
const outcome: Check = (value) => value === 'ok' || value === 'failed' || value === 'unknown'
const version: Check = (value) => value === 'this' || value === 'other'
const texts: Check = (value) => Array.isArray(value) && value.every(text)
const items: Check = (value) => Array.isArray(value) && value.every(isItem)
const nodes: Check = (value) => Array.isArray(value) && value.every(has({ name: text, url: text }))

const onNode: Shape = { node: text }
const ofProcess: Shape = { process: text }
const onUpstream: Shape = { upstream: text }
const ofFault: Shape = { fault: text }

const shapes: Readonly<Record<TraceEvent['type'], Shape>> = {
  'run-started': {
    nodes,
    strategy: has({
      name: optional(text),
      routing: optional(text),
      summary: optional(text),
      onNodeDeath: optional(text),
    }),
    store: text,
    startedAtMs: instant,
    users: number,
    tabs: optional(number),
    rate: number,
    seed: optional(number),
    idleTimeoutMs: optional(number),
    absoluteTimeoutMs: optional(number),
    visitorIdleTimeoutMs: optional(number),
    requires: optional(texts),
    service: optional(has({ needs: text, fullWithinMs: optional(number) })),
  },
  'cluster-ready': {},
  'node-starting': { node: text, version: optional(version) },
  'node-up': onNode,
  'node-paused': onNode,
  'node-resumed': onNode,
  'node-draining': onNode,
  'node-down': { node: text, held: number },
  'process-up': ofProcess,
  'process-down': ofProcess,
  'process-noted': { process: text, event: text, line: optional(text), detail: object },
  'upstream-ejected': onUpstream,
  'upstream-readmitted': onUpstream,
  'upstream-draining': onUpstream,
  'probe-result': { upstream: text, result: text, reason: optional(text), tookMs: number, everyMs: number },
  'requests-resent': { upstream: text, retries: number, reroutes: number },
  'fault-injected': { fault: text, kind: text, target: text },
  'fault-confirmed': ofFault,
  'fault-healed': ofFault,
  'fault-failed': { fault: text, reason: text },
  'sessions-held': { held: counts },
  'users-paced': { rate: number, reason: text },
  'users-second': {
    sent: number,
    ok: number,
    failed: counts,
    unknown: counts,
    loggedOut: number,
    lost: number,
    users: has({ all: number, loggedIn: number, intact: number }),
    byNode: counts,
    latencyMs: has({ p50: number, p99: number }),
    lateMs: number,
  },
  'operation-sent': {
    op: number,
    user: text,
    visit: number,
    tab: number,
    kind: text,
    sku: optional(text),
    node: optional(text),
    session: optional(text),
    sentAtMs: number,
    lateMs: number,
    dueAtMs: number,
  },
  'operation-ended': {
    op: number,
    endedAtMs: number,
    outcome,
    why: optional(text),
    node: optional(text),
    attempts: optional(number),
    session: optional(text),
    as: optional(text),
    items: optional(items),
    count: optional(number),
    openAtMs: optional(number),
    at: optional((value) => Array.isArray(value) && value.length === 2 && value.every(number)),
  },
  'visitor-served': { visitor: text, node: text, user: optional(text) },
  'run-ended': { reason: text, cutShort: optional(text) },
}

const checks = new Map<string, readonly (readonly [string, Check])[]>(
  Object.entries(shapes).map(([type, shape]) => [type, Object.entries(shape)]),
)

/** Why the event is malformed; undefined if it is valid or of an unknown type. */
export function shapeProblem(event: Readonly<Record<string, unknown>> & { readonly type: string }): string | undefined {
  for (const [field, check] of checks.get(event.type) ?? []) {
    if (check(event[field])) continue
    const value = event[field] === undefined ? 'is missing' : `can't be ${JSON.stringify(event[field]).slice(0, 60)}`
    return `${event.type} is not as it should be: ${field} ${value}`
  }
  return undefined
}

function optional(check: Check): Check {
  return (value) => value === undefined || check(value)
}

function has(shape: Shape): Check {
  return (value) =>
    object(value) && Object.entries(shape).every(([field, check]) => check((value as Record<string, unknown>)[field]))
}

function isItem(item: unknown): boolean {
  return Array.isArray(item) && typeof item[0] === 'string' && typeof item[1] === 'number'
}
