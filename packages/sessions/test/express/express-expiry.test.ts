import { MINUTE_MS } from '../support/engine.ts'
import { eachMiddleware, set } from '../support/each-middleware.ts'

eachMiddleware(
  'a read writes nothing, and moves the expiry once it lags by a hundredth',
  {},
  async (t, { app, asked, time }) => {
    const id = await app.visit(undefined, set({ user: 'u' }))
    asked.length = 0
    time.nowMs += 17_000
    await app.visit(id)
    t.deepEqual(asked, ['read'])
    time.nowMs += 1_000
    await app.visit(id)
    t.deepEqual(asked, ['read', 'read', 'touch'])
  },
)

eachMiddleware(
  'a session unused for the idle time has ended',
  { idleTimeoutMs: 10 * MINUTE_MS },
  async (t, { app, time }) => {
    const id = await app.visit(undefined, set({ user: 'u' }))
    time.nowMs += 9 * MINUTE_MS
    await app.visit(id)
    time.nowMs += 10 * MINUTE_MS - 1
    t.truthy(await app.find(id))
    time.nowMs += 1
    t.falsy(await app.find(id))
  },
)

eachMiddleware(
  "a cookie's maxAge is its session's idle time, and comes back with it",
  { maxAge: 5 * MINUTE_MS },
  async (t, { app, time }) => {
    const id = await app.visit(undefined, set({ user: 'u' }))
    time.nowMs += 4 * MINUTE_MS
    await app.visit(id)
    t.like((await app.find(id))?.cookie, {
      originalMaxAge: 5 * MINUTE_MS,
      expires: new Date(time.nowMs + 5 * MINUTE_MS),
    })
    time.nowMs += 5 * MINUTE_MS
    t.falsy(await app.find(id))
  },
)

eachMiddleware('"remember me" in one request lasts, without a change of any field', {}, async (t, { app, time }) => {
  const id = await app.visit(undefined, set({ user: 'u' }))
  await app.visit(id, ({ session }) => void (session.cookie.originalMaxAge = 600 * MINUTE_MS))
  time.nowMs += 500 * MINUTE_MS
  await app.visit(id)
  t.like(await app.find(id), { user: 'u', cookie: { originalMaxAge: 600 * MINUTE_MS } })
})

eachMiddleware(
  'the milliseconds that a middleware loses of maxAge are no change',
  { maxAge: MINUTE_MS },
  async (t, { app, asked }) => {
    const id = await app.visit(undefined, set({ user: 'u' }))
    asked.length = 0
    for (let visit = 0; visit < 3; visit++) {
      await app.visit(id, ({ session }) => void (session.cookie.originalMaxAge = MINUTE_MS - 4))
    }
    t.deepEqual(asked, ['read', 'read', 'read'])
  },
)

eachMiddleware(
  'however much it is used, a session ends at the absolute timeout',
  { absoluteTimeoutMs: 60 * MINUTE_MS },
  async (t, { app, time }) => {
    const id = await app.visit(undefined, set({ n: 0 }))
    for (let n = 1; n <= 3; n++) {
      time.nowMs += 19 * MINUTE_MS
      t.is(await app.visit(id, set({ n })), id)
    }
    time.nowMs += 3 * MINUTE_MS
    t.falsy(await app.find(id))
  },
)
