/** A middleware over a memory store that notes what it is asked, on a clock that only the test moves. */
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import type { MiddlewareStoreOptions } from '../../src/express/express.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { START_MS } from './engine.ts'
import { likeExpress, likeFastify, type Middleware, type Settings } from './middleware.ts'

interface Under {
  readonly app: Middleware
  readonly time: { nowMs: number }
  /** What the store was asked, in order. */
  readonly asked: string[]
  readonly keys: Set<SessionKey>
  readonly store: SessionStore
  /** The verbs that fail. */
  readonly down: Set<string>
}

type Options = Partial<MiddlewareStoreOptions> & Settings

/** Declares one test for each middleware. */
export function eachMiddleware(
  title: string,
  options: Options,
  check: (t: ExecutionContext, under: Under) => Promise<void>,
): void {
  for (const like of [likeExpress, likeFastify]) {
    const under = setUp(like, options)
    test(`${under.app.name}: ${title}`, (t) => check(t, under))
  }
}

/** Sets fields of the session. */
export const set =
  (fields: object) =>
  ({ session }: { readonly session: object }): void =>
    void Object.assign(session, fields)

/** Lets go once so many have come: what they do next, they do side by side. */
export function gathering(size: number): () => Promise<void> {
  const complete = Promise.withResolvers<void>()
  let arrived = 0
  return async () => {
    if (++arrived === size) complete.resolve()
    await complete.promise
  }
}

function setUp(like: typeof likeExpress, { maxAge, ...options }: Options): Under {
  const time = { nowMs: START_MS }
  const clock = { now: () => time.nowMs }
  const inner = memoryStore({ clock })
  const asked: string[] = []
  const keys = new Set<SessionKey>()
  const down = new Set<string>()
  const ask = <T>(verb: string, key: SessionKey, call: () => Promise<T>): Promise<T> => {
    asked.push(verb)
    keys.add(key)
    return down.has(verb) ? Promise.reject(new StoreUnavailableError('memory')) : call()
  }
  const store: SessionStore = {
    ...inner,
    read: (key) => ask('read', key, () => inner.read(key)),
    write: (key, write) => ask('write', key, () => inner.write(key, write)),
    touch: (key, expiresAtMs) => ask('touch', key, () => inner.touch(key, expiresAtMs)),
    destroy: (key, destroy) => ask('destroy', key, () => inner.destroy(key, destroy)),
  }
  const app = like({ store, clock, ...options }, maxAge === undefined ? {} : { maxAge })
  return { app, time, asked, keys, store, down }
}
