/** What the session layer promises, seen from outside: two real nodes, a real store, HTTP, and one test a promise. */
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { client, type Client } from '../../packages/node/test/support/client.ts'
import { nodeProcess, type NodeProcess } from '../../packages/node/test/support/node-process.ts'
import { until } from '../../packages/node/test/support/until.ts'
import { halfSent } from './half-sent.ts'
import type { PromisedStore, StoreKind } from './promised-stores.ts'

interface Cluster {
  readonly store: PromisedStore
  readonly nodes: readonly NodeProcess[]
  readonly urls: readonly [string, string]
}

type Owner = Pick<ExecutionContext, 'teardown'>

/** The same browser at another node. */
function elsewhere(url: string, browser: Client): Client {
  return client(url, browser.cookie)
}

function skus({ body }: { body: unknown }): string[] {
  return (body as { items: { sku: string }[] }).items.map(({ sku }) => sku)
}

/** Declares the tests of all promises for one kind of store. */
export function testPromises(kind: StoreKind): void {
  // One after the other: each starts processes of its own or shares the nodes' users.
  const onStore = kind.missing === undefined ? test.serial : test.serial.skip
  // A file has no server that could be down.
  const onServer = kind.isFile === true ? test.serial.skip : onStore
  if (kind.missing !== undefined) test.skip(`the promises of ${kind.name}: ${kind.missing}`, () => {})

  async function cluster(t: Owner, env: Readonly<Record<string, string>> = {}): Promise<Cluster> {
    const store = await kind.open(t)
    const shared = { STORE: store.url, ACCOUNTS: '8', SESSION_KEYS: 'a key of at least thirty-two characters', ...env }
    const nodes = ['a', 'b'].map((name) => nodeProcess(t, { ...shared, NODE_NAME: name }))
    const [first = '', second = ''] = await Promise.all(nodes.map((node) => node.ready()))
    return { store, nodes, urls: [first, second] }
  }

  /** For the tests that break nothing. */
  let shared: Promise<Cluster> | undefined
  const endings: (() => unknown)[] = []
  test.after.always(async () => {
    for (const end of endings) await end()
  })

  function sharedCluster(): Promise<Cluster> {
    const owner = { teardown: (end: () => unknown) => void endings.unshift(end) } as Owner
    return (shared ??= cluster(owner, { LOG_LEVEL: 'trace' }))
  }

  onStore(
    `${kind.name}: 1. an acknowledged write survives: what a node answered is there after that node is killed`,
    async (t) => {
      const { urls, nodes } = await cluster(t)
      const browser = client(urls[0])
      await browser.login('user-0')
      for (let item = 0; item < 20; item++) await browser.send('POST', '/api/cart', { sku: `sku-${item}` })
      nodes[0]?.process.kill('SIGKILL')
      await nodes[0]?.ended
      t.is(skus(await elsewhere(urls[1], browser).send('GET', '/api/cart')).length, 20)
    },
  )

  onStore(`${kind.name}: 2. reads see earlier writes: on whatever node the next request lands`, async (t) => {
    const { urls } = await sharedCluster()
    const browser = client(urls[0])
    await browser.login('user-0')
    for (let turn = 0; turn < 40; turn++) {
      const [writer, reader] = [urls[turn % 2] as string, urls[(turn + 1) % 2] as string]
      await elsewhere(writer, browser).send('POST', '/api/cart', { sku: `sku-${turn}` })
      t.true(skus(await elsewhere(reader, browser).send('GET', '/api/cart')).includes(`sku-${turn}`))
    }
  })

  onStore(`${kind.name}: 3. tabs lose nothing: what many tabs at two nodes add at once is all there`, async (t) => {
    const { urls } = await sharedCluster()
    const browser = client(urls[0])
    await browser.login('user-0')
    const added = Array.from({ length: 60 }, (_, n) => `sku-${n}`)
    const answers = await Promise.all(
      added.map((sku, n) => elsewhere(urls[n % 2] as string, browser).send('POST', '/api/cart', { sku })),
    )
    const acknowledged = added.filter((_, n) => answers[n]?.status === 200)
    t.true(acknowledged.length > 0)
    // So many at once may have been an outage to a busy machine.
    await until('the cart to be read', async () => (await browser.send('GET', '/api/cart')).status === 200)
    const cart = skus(await browser.send('GET', '/api/cart'))
    t.deepEqual(
      acknowledged.filter((sku) => !cart.includes(sku)),
      [],
    )
  })

  onStore(
    `${kind.name}: 4. logout is final: a request that began before it is refused, and the session stays gone`,
    async (t) => {
      const { urls } = await sharedCluster()
      const browser = client(urls[0])
      await browser.login('user-0')
      const slow = await halfSent(urls[0], browser.cookie ?? '', '/api/cart', JSON.stringify({ sku: 'late' }))
      const tab = elsewhere(urls[1], browser)
      t.is((await tab.send('POST', '/api/logout')).status, 204)
      t.is(await slow.finish(), 401)
      for (const url of urls) t.is((await elsewhere(url, browser).send('GET', '/api/cart')).status, 401)
    },
  )

  onStore(
    `${kind.name}: 5. rotation is one step: a login changes the id, and the one from before it opens nothing`,
    async (t) => {
      const { urls } = await sharedCluster()
      const browser = client(urls[0])
      await browser.send('POST', '/api/counter')
      const planted = elsewhere(urls[1], browser)
      await browser.login('user-0')
      t.not(browser.cookie, planted.cookie)
      t.like((await elsewhere(urls[1], browser).send('GET', '/api/session')).body, {
        authenticated: true,
        user: 'user-0',
      })
      t.like((await elsewhere(urls[1], browser).send('POST', '/api/counter')).body, { count: 2 })
      t.like((await planted.send('GET', '/api/session')).body, { authenticated: false })
    },
  )

  onStore(
    `${kind.name}: 6. a keyed request happens once: sent to both nodes it counts once and is answered alike`,
    async (t) => {
      const { urls } = await sharedCluster()
      const browser = client(urls[0])
      await browser.login('user-0')
      for (let round = 1; round <= 20; round++) {
        const answers = await Promise.all(
          urls.map((url) =>
            elsewhere(url, browser).send('POST', '/api/counter', undefined, { 'Idempotency-Key': `key-${round}` }),
          ),
        )
        for (const { body } of answers) t.like(body, { count: round })
      }
    },
  )

  onStore(`${kind.name}: 7. no user sees another's session, with all users at once at every node`, async (t) => {
    const { urls } = await sharedCluster()
    const browsers = Array.from({ length: 4 }, (_, n) => ({
      name: `user-${n}`,
      browser: client(urls[n % 2] as string),
    }))
    await Promise.all(browsers.map(({ name, browser }) => browser.login(name)))
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        browsers.flatMap(({ name, browser }) =>
          urls.map(async (url) => {
            const { body } = await elsewhere(url, browser).send('POST', '/api/cart', { sku: `of-${name}-${round}` })
            t.is((body as { user: string }).user, name)
            t.true(skus({ body }).every((sku) => sku.startsWith(`of-${name}-`)))
          }),
        ),
      )
    }
  })

  onStore(
    `${kind.name}: 8. time is bounded: an idle session ends to the second, a used one lives to its absolute age`,
    async (t) => {
      const { urls } = await cluster(t, { IDLE_TIMEOUT_S: '2', ABSOLUTE_TIMEOUT_S: '6' })
      const [idle, used] = [client(urls[0]), client(urls[0])]
      await idle.login('user-0')
      let lastSentMs = Date.now()
      await used.login('user-1')
      const beganMs = Date.now()
      let lastAliveMs = beganMs
      let longestGapMs = 0
      const ended = until('the used session to end', async () => {
        const sentMs = Date.now()
        const { status } = await elsewhere(urls[1], used).send('GET', '/api/cart')
        longestGapMs = Math.max(longestGapMs, Date.now() - lastSentMs)
        lastSentMs = sentMs
        if (status === 200) lastAliveMs = sentMs
        return status === 401
      })
      await sleep(2_100)
      t.is((await elsewhere(urls[1], idle).send('GET', '/api/cart')).status, 401)
      await ended
      const livedMs = lastAliveMs - beganMs
      // On a machine that stood still for longer than the idle time it ended for that.
      t.true(livedMs > 4_000 || longestGapMs > 1_500, `it lived ${livedMs} ms and was left alone for ${longestGapMs}`)
      t.true(livedMs < 6_500)
    },
  )

  onServer(
    `${kind.name}: 9. a store that is down is a policy: 503, the cookie stays, and all is well when it is back`,
    async (t) => {
      const { urls, store } = await cluster(t)
      const browser = client(urls[0])
      await browser.login('user-0')
      const { cookie } = browser
      await store.kill?.()
      for (const url of urls) {
        const look = () => elsewhere(url, browser).send('GET', '/api/cart')
        // A copy in memory is served for as long as the node has it on lease.
        await until('the outage to be seen', async () => (await look()).status === 503)
        const answer = await look()
        t.is(answer.status, 503)
        t.truthy(answer.headers.get('Retry-After'))
        t.deepEqual(answer.setCookie, [])
      }
      t.is(browser.cookie, cookie)
      await store.start?.()
      await until('the node to be ready', async () => (await browser.send('GET', '/readyz')).status === 200)
      t.is((await browser.login('user-0')).status, 200)
    },
  )

  onStore(`${kind.name}: 10. ids are secret: neither the store nor a log holds any part of a cookie`, async (t) => {
    const { urls, store, nodes } = await sharedCluster()
    const browser = client(urls[0])
    await browser.send('POST', '/api/counter')
    const cookies = [browser.cookie ?? '']
    await browser.login('user-0')
    cookies.push(browser.cookie ?? '')
    await browser.send('POST', '/api/cart', { sku: 'box' })

    const contents = await store.contents()
    const logs = JSON.stringify(nodes.map(({ logged }) => logged))
    t.true(contents.length > 100 && logs.length > 0)
    const parts = cookies.flatMap((cookie) => cookie.replace('sid=', '').split('.').slice(0, 2))
    t.is(parts.length, 4)
    for (const part of parts) t.false(`${contents} ${logs}`.includes(part))
  })

  onStore(`${kind.name}: a user's sessions are listed and ended across nodes`, async (t) => {
    const { urls } = await sharedCluster()
    const [phone, laptop] = [client(urls[0]), client(urls[1])]
    await phone.login('user-7')
    await laptop.login('user-7')
    const { sessions } = (await phone.send('GET', '/api/sessions')).body as { sessions: unknown[] }
    t.is(sessions.length, 2)
    t.is((await phone.send('POST', '/api/logout-everywhere')).status, 204)
    t.is((await laptop.send('GET', '/api/cart')).status, 401)
  })
}
