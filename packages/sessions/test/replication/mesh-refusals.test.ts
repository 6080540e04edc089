/** A node with a wrong configuration fails to open with one line; the other nodes go on, and report the line too. */
import test, { type ExecutionContext } from 'ava'
import { newSessionId, sessionKey } from '../../src/secrets/id.ts'
import { StoreConfigError, StoreUnavailableError } from '../../src/errors.ts'
import { type MeshStore, meshStore } from '../../src/replication/mesh.ts'
import type { Message } from '../../src/replication/wire/messages.ts'
import { linkNode, peerList } from '../support/mesh/links.ts'
import { isFree, meshPort } from '../support/mesh/ports.ts'
import { until } from '../support/until.ts'

const SECRET = 'a secret of the mesh, long enough'
const key = () => sessionKey(newSessionId().handle)
const write = { expectedVersion: 0, expiresAtMs: Date.now() + 3_600_000, body: '{}' }

interface Logged {
  readonly store: MeshStore
  readonly lines: string[]
}

function node(t: ExecutionContext, url: string, name: string, secret: string | undefined = SECRET): Logged {
  const lines: string[] = []
  const store = meshStore({ url, name, secret, onEvent: (event) => lines.push(JSON.stringify(event)) })
  t.teardown(() => store.close())
  return { store, lines }
}

/** Two of three nodes, serving. */
async function twoOfThree(t: ExecutionContext, tls = 'off'): Promise<{ peers: string; a: Logged; b: Logged }> {
  const peers = await peerList(['a', 'b', 'c'])
  const a = node(t, `replicated:?tls=${tls}&peers=${peers}`, 'a')
  const b = node(t, `replicated:?tls=${tls}&peers=${peers}`, 'b')
  await Promise.all([a.store.open(), b.store.open()])
  return { peers, a, b }
}

async function stillServe(t: ExecutionContext, ...nodes: Logged[]): Promise<void> {
  for (const { store } of nodes) t.is((await store.write(key(), write)).status, 'written')
}

for (const tls of ['off', 'on']) {
  test.serial(`another secret, with TLS ${tls}`, (t) => anotherSecret(t, tls))
}

async function anotherSecret(t: ExecutionContext, tls: string): Promise<void> {
  const { peers, a, b } = await twoOfThree(t, tls)
  const other = `${SECRET}, or not`
  const c = node(t, `replicated:?tls=${tls}&peers=${peers}`, 'c', other)
  const error = await t.throwsAsync(c.store.open(), {
    instanceOf: StoreConfigError,
    message: /^no mesh with this node: .*(another|the same) secret/,
  })
  t.notRegex(error?.message ?? '', /\n/)
  await until('a to say so', () => a.lines.some((line) => /(another|the same) secret/.test(line)))
  await stillServe(t, a, b)
  t.notRegex([...a.lines, ...b.lines, ...c.lines, String(error)].join('\n'), /long enough/)
}

test.serial('a name that another node has', async (t) => {
  const { peers, a, b } = await twoOfThree(t)
  const second = node(t, `replicated:?peers=${peers}&listen=127.0.0.1:${await meshPort()}`, 'b')
  await t.throwsAsync(second.store.open(), { instanceOf: StoreConfigError, message: /two nodes have the name b/ })
  await stillServe(t, a, b)
})

test.serial('another list of peers, or another number of copies', async (t) => {
  const { peers, a, b } = await twoOfThree(t)
  const four = `${peers},d=127.0.0.1:${await meshPort()}`
  const d = node(t, `replicated:?peers=${four}`, 'd')
  await t.throwsAsync(d.store.open(), {
    instanceOf: StoreConfigError,
    message: /told of a, b, c with every session on each/,
  })
  const c = node(t, `clustered:?copies=2&peers=${peers}`, 'c')
  await t.throwsAsync(c.store.open(), { instanceOf: StoreConfigError, message: /2 backups of a session/ })
  await stillServe(t, a, b)
})

test.serial('a node without a majority says what it misses, and serves when there is one', async (t) => {
  const peers = await peerList(['a', 'b', 'c'])
  const a = node(t, `replicated:?openTimeoutMs=300&peers=${peers}`, 'a')
  const error = await t.throwsAsync(a.store.open(), { instanceOf: StoreUnavailableError })
  t.regex(String(error?.cause), /b at 127\.0\.0\.1:\d+ is not reached: .*ECONNREFUSED/)
  await t.throwsAsync(a.store.health(), { instanceOf: StoreUnavailableError })
  const b = node(t, `replicated:?peers=${peers}`, 'b')
  const opening = until('a to open', () => a.store.open().then(() => true))
  await Promise.all([b.store.open(), opening])
  await stillServe(t, a, b)
  await b.store.close()
  await until('a to be unhealthy without b', () =>
    a.store.health().then(
      () => false,
      () => true,
    ),
  )
})

test.serial('an address that is taken', async (t) => {
  const peers = await peerList(['a', 'b'])
  const a = node(t, `replicated:?openTimeoutMs=100&peers=${peers}`, 'a')
  await t.throwsAsync(a.store.open())
  const again = node(t, `replicated:?openTimeoutMs=100&peers=${peers}`, 'a')
  const error = await t.throwsAsync(again.store.open(), { instanceOf: StoreUnavailableError })
  t.regex(String(error?.cause), /EADDRINUSE/)
})

test.serial('a node that is closed while it opens does not open, and leaves its port free', async (t) => {
  const peers = await peerList(['a', 'b'])
  const [, port] = /a=127\.0\.0\.1:(\d+)/.exec(peers) ?? []
  const { store } = node(t, `replicated:?peers=${peers}`, 'a')
  const refused = t.throwsAsync(store.open(), { instanceOf: StoreUnavailableError })
  await store.close()
  t.regex(String((await refused)?.cause), /the store is closed/)
  t.true(await isFree(Number(port)))
})

test.serial('a view with a rank that no name has ends the link, and the node goes on', async (t) => {
  const { peers, a, b } = await twoOfThree(t)
  const c = await linkNode(t, { url: `replicated:?name=c&secret=${SECRET}&peers=${peers}` })
  const { view: present, traffic } = a.store.status()
  if (present === undefined) return t.fail()
  const { cluster, number } = present
  const fourth = { rank: 3, incarnation: 1, role: 'full', since: 1 } as const
  const view = { ...present, number: number + 1, members: [...present.members, fourth] }
  const messages: readonly Message[] = [
    { type: 'decided', view },
    { type: 'accept', ballot: 1_000, cluster, number, view },
    { type: 'prepare', ballot: 1_000, base: view, present: undefined },
    { type: 'prepare', ballot: 1_000, base: present, present: [1, 1, 1, 1] },
    { type: 'promise', ballot: 1_000, cluster, number, accepted: { ballot: 1_000, view }, quietMs: [] },
    { type: 'decided', view: { ...view, members: [], electorate: { counted: 8, adding: 0, removing: 0 } } },
  ]
  for (const [index, message] of messages.entries()) {
    await until(`the ${message.type} to be refused`, () => {
      const { malformed } = a.store.status().traffic
      if (malformed === traffic.malformed + index) c.send('a', message)
      return malformed > traffic.malformed + index
    })
  }
  await stillServe(t, a, b)
})

test.serial('one node alone, with alone=true', async (t) => {
  const a = node(t, `replicated:?alone=true&peers=${await peerList(['a'])}`, 'a')
  await a.store.open()
  await stillServe(t, a)
  t.not(a.store.capabilities.survivesNodeDeath, 'held')
})

test.serial('what is too large for a frame is refused before it is sent', async (t) => {
  const { a } = await twoOfThree(t)
  const huge = { ...write, body: 'x'.repeat(5 * 1024 * 1024) }
  await t.throwsAsync(a.store.write(key(), huge), { instanceOf: StoreUnavailableError, message: /4194304 bytes/ })
  const large = { ...write, body: '\u{1f6d2}'.repeat(256 * 1024) }
  let there = key()
  // A process that gets little processor time may refuse it for now.
  await until('it to be written', async () => (await a.store.write((there = key()), large)).status === 'written')
  await until('it to be read', async () => (await a.store.read(there))?.body === large.body)
  t.pass()
})
