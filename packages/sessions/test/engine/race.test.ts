/**
 * Several nodes, one client with several tabs, one session: random operations side by side, every interleaving of their
 * store calls drawn from a seed, some calls failing before or after they took effect, some answers never arriving. What
 * was acknowledged is held against a model. A failure prints the seed that replays it.
 */
import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import type { SessionStore } from '../../src/contract.ts'
import { type Engine, sessionEngine } from '../../src/engine/engine.ts'
import { SessionError, StoreUnavailableError } from '../../src/errors.ts'
import type { SessionId } from '../../src/secrets/id.ts'
import type { OpenSession } from '../../src/engine/session.ts'
import { memoryStore } from '../../src/stores/memory.ts'

const NODES = 3
const GRACE_MS = 5_000
const USER = 'user'

type Kind = 'set' | 'count' | 'keyed' | 'rotate' | 'login' | 'read' | 'logout'
type CallFate = 'answered' | 'lost-before' | 'lost-after'

interface Operation {
  readonly kind: Kind
  readonly node: number
  /** The store calls it makes; beyond the list they are answered. */
  readonly fates: readonly CallFate[]
  /** The node died with the answer: what it did stands, and the client does not know. */
  readonly answerLost: boolean
}

/** Operations that run side by side, and how long nothing happens after them. */
interface Batch {
  readonly operations: readonly Operation[]
  readonly pauseMs: number
}

const operation = (kinds: readonly Kind[]): fc.Arbitrary<Operation> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    node: fc.nat(NODES - 1),
    fates: fc.array(
      fc.oneof(
        { weight: 12, arbitrary: fc.constant('answered' as const) },
        { weight: 1, arbitrary: fc.constantFrom('lost-before' as const, 'lost-after' as const) },
      ),
      { maxLength: 4 },
    ),
    answerLost: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  })

const batches = (kinds: readonly Kind[]): fc.Arbitrary<readonly Batch[]> =>
  fc.array(
    fc.record({
      operations: fc.array(operation(kinds), { minLength: 1, maxLength: 5 }),
      pauseMs: fc.constantFrom(0, 1_000, 2 * GRACE_MS),
    }),
    { minLength: 1, maxLength: 6 },
  )

/** What the client knows, and what follows from it. */
class Model {
  readonly acknowledgedFields: string[] = []
  counted = 0
  maybeCounted = 0
  loggedOut = false
  maybeLoggedOut = false
  readonly counts: number[] = []
}

class Client {
  readonly model = new Model()
  readonly #engines: readonly Engine[]
  /** The cookie jar: one for all tabs. */
  #id: SessionId
  #operations = 0
  #keyed = 0

  constructor(engines: readonly Engine[], id: SessionId) {
    this.#engines = engines
    this.#id = id
  }

  get id(): SessionId {
    return this.#id
  }

  async run(operation: Operation): Promise<void> {
    const number = this.#operations++
    const engine = this.#engines[operation.node] as Engine
    const sent = this.#id
    try {
      const session = await engine.open(sent)
      if (session === undefined) return
      const acknowledge = await this.#act(operation.kind, session, number)
      if (operation.answerLost) this.#unknown(operation.kind)
      else {
        acknowledge()
        // An answer has a cookie only where that is another one than was sent.
        if (session.id.secret !== sent.secret || session.id.handle !== sent.handle) this.#id = session.id
      }
    } catch (error) {
      assert(error instanceof SessionError, String(error))
      if (error instanceof StoreUnavailableError) this.#unknown(operation.kind)
    }
  }

  /** Does it, and gives back what is certain once the client has the answer. */
  async #act(kind: Kind, session: OpenSession, number: number): Promise<() => void> {
    const { model } = this
    const fields = session.take()
    switch (kind) {
      case 'read':
        await session.commit(fields)
        return () => {}
      case 'set':
        await session.commit({ ...fields, [`field-${number}`]: number })
        return () => void model.acknowledgedFields.push(`field-${number}`)
      case 'count':
      case 'keyed': {
        const key = kind === 'keyed' ? `key-${this.#keyed++}` : undefined
        if (key !== undefined) session.bindIdempotencyKey(key, 'count')
        const count = await session.update(fields, (draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1))
        return () => {
          model.counted++
          model.counts.push(count)
        }
      }
      case 'rotate':
        if (session.info === undefined) return () => {}
        session.rotate()
        await session.commit(fields)
        return () => {}
      case 'login':
        await session.commit({ ...fields, user: USER })
        return () => {}
      case 'logout':
        // An id from before the login sees no session, and has none to end.
        if (session.info === undefined) return () => {}
        await session.destroy()
        return () => {
          model.loggedOut = true
        }
    }
  }

  #unknown(kind: Kind): void {
    if (kind === 'count' || kind === 'keyed') this.model.maybeCounted++
    if (kind === 'logout') this.model.maybeLoggedOut = true
  }
}

/** Each call waits for its turn in the drawn interleaving, and meets its drawn fate. */
function scheduled(store: SessionStore, scheduler: fc.Scheduler, fates: CallFate[]): SessionStore {
  const call = async <T>(verb: () => Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve())
    const fate = fates.shift() ?? 'answered'
    if (fate === 'lost-before') throw new StoreUnavailableError('scheduled')
    const result = await verb()
    await scheduler.schedule(Promise.resolve())
    if (fate === 'lost-after') throw new StoreUnavailableError('scheduled')
    return result
  }
  return {
    ...store,
    read: (key) => call(() => store.read(key)),
    write: (key, write) => call(() => store.write(key, write)),
    touch: (key, expiresAtMs) => call(() => store.touch(key, expiresAtMs)),
    destroy: (key, destroy) => call(() => store.destroy(key, destroy)),
  }
}

async function play(history: readonly Batch[], scheduler: fc.Scheduler): Promise<{ client: Client; plain: Engine }> {
  const time = { nowMs: 1_000_000 }
  const clock = { now: () => time.nowMs }
  const store = memoryStore({ clock })
  const settings = { clock, rotationGraceMs: GRACE_MS, onTheft: 'end' } as const
  const plain = sessionEngine({ store, ...settings })
  const begun = plain.create()
  await begun.commit({ begun: true })

  const fates: CallFate[] = []
  const engines = Array.from({ length: NODES }, () => {
    const node = sessionEngine({ store: scheduled(store, scheduler, fates), ...settings })
    node.backOff = () => Promise.resolve()
    return node
  })
  const client = new Client(engines, begun.id)
  for (const { operations, pauseMs } of history) {
    fates.push(...operations.flatMap((each) => each.fates))
    await scheduler.waitFor(Promise.all(operations.map((each) => client.run(each))))
    time.nowMs += pauseMs
  }
  return { client, plain }
}

async function visibleTo({
  client,
  plain,
}: {
  client: Client
  plain: Engine
}): Promise<Record<string, unknown> | undefined> {
  return (await plain.open(client.id))?.take()
}

const RUNS = 1_500

test('without login and logout nothing acknowledged is lost, nothing counts twice, and no user is logged out', async (t) => {
  const kinds = ['set', 'count', 'keyed', 'rotate', 'read'] as const
  await fc.assert(
    fc.asyncProperty(batches(kinds), fc.scheduler(), async (history, scheduler) => {
      const played = await play(history, scheduler)
      const { model } = played.client
      const data = await visibleTo(played)
      assert(data !== undefined, 'the client was logged out')
      for (const field of model.acknowledgedFields) assert(field in data, `${field} was lost`)
      const count = Number(data['count'] ?? 0)
      assert(count >= model.counted && count <= model.counted + model.maybeCounted, `${count} of ${model.counted}`)
      assert.equal(new Set(model.counts).size, model.counts.length, 'two requests were told the same count')
    }),
    { numRuns: RUNS },
  )
  t.pass()
})

test('with logins, a session is either visible with all that was acknowledged or not visible at all', async (t) => {
  const kinds = ['set', 'count', 'rotate', 'read', 'login'] as const
  await fc.assert(
    fc.asyncProperty(batches(kinds), fc.scheduler(), async (history, scheduler) => {
      const played = await play(history, scheduler)
      const { model } = played.client
      // A client that lost the answer to a login logs in again.
      const session = await played.plain.open(played.client.id)
      assert(session !== undefined, 'the client was logged out')
      await session.update(session.take(), (draft) => (draft['user'] = USER))
      const data = (await played.plain.open(session.id))?.take()
      assert(data !== undefined)
      for (const field of model.acknowledgedFields) assert(field in data, `${field} was lost`)
      const count = Number(data['count'] ?? 0)
      assert(count >= model.counted && count <= model.counted + model.maybeCounted, `${count} of ${model.counted}`)
    }),
    { numRuns: RUNS },
  )
  t.pass()
})

test('after an acknowledged logout the session is gone for good, whatever ran beside it', async (t) => {
  const kinds = ['set', 'count', 'rotate', 'read', 'login', 'logout'] as const
  await fc.assert(
    fc.asyncProperty(batches(kinds), fc.scheduler(), async (history, scheduler) => {
      const played = await play(history, scheduler)
      const { model } = played.client
      const data = await visibleTo(played)
      if (model.loggedOut) assert.equal(data, undefined)
      else if (!model.maybeLoggedOut) assert(data !== undefined, 'the client was logged out')
    }),
    { numRuns: RUNS },
  )
  t.pass()
})
