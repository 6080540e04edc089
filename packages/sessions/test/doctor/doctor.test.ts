/** What the doctor says of stores that need no server, and of URLs. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { examine, type Finding } from '../../src/doctor.ts'
import { StoreConfigError } from '../../src/errors.ts'
import { clockFinding, networkFindings } from '../../src/findings.ts'

const levels = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.filter(({ level }) => level !== 'fine').map(({ name, level }) => [name, level]))

async function listening(t: ExecutionContext): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const look = async (url: string) => levels((await examine(url))[0]?.findings ?? [])
const peers = (...ports: readonly number[]) =>
  `replicated:?peers=${ports.map((port, index) => `${'abc'[index]}=127.0.0.1:${port}`).join()}`

test('the memory of a process loses sessions with it', async (t) => {
  const [{ findings } = { findings: [] }] = await examine('memory:')
  t.like(levels(findings), { shared: 'loss', survivesNodeDeath: 'loss', survivesStoreRestart: 'warning' })
})

test('a mesh is looked at from outside: which nodes can be reached, and what follows', async (t) => {
  const [a, b, c] = await Promise.all([listening(t), listening(t), listening(t)])
  t.deepEqual(await look(peers(a, b, c)), { copies: 'warning' })
  t.deepEqual(await look(`${peers(a, b, c)}&ack=local`), { copies: 'warning', ack: 'warning' })
  t.deepEqual(await look(peers(a, b, 1)), { copies: 'warning', 'node-down': 'warning' })
  t.deepEqual(await look(peers(a, 1, 2)), { copies: 'warning', unreachable: 'loss' })
  t.deepEqual(await look(`${peers(a)}&alone=true`), { copies: 'loss' })
})

test('a URL that has others in it: each is looked at', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-doctor-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const [one, two] = [`sqlite:${join(directory, 'one.db')}`, `sqlite:${join(directory, 'two.db')}`]
  const all = await examine(`moving:?step=ready&from=${one}&to=${two}`)
  t.deepEqual(
    all.map(({ url }) => url.replace(/\?.*/, '')),
    ['moving:', one, two],
  )
  const mirrored = await examine(`${one}?mirror=${two}`)
  t.deepEqual(
    mirrored.map(({ url }) => url),
    [`${one}?mirror=${two}`, one, two],
  )
  const near = await examine(`hybrid:?over=${encodeURIComponent(one)}`)
  t.is(near[1]?.url, one)
})

for (const url of ['', 'mongodb://u:secret@h', 'redis://h?x=1', 'replicated:?peers=a', './no-such-module.ts']) {
  test(`'${url}' is no store, and that is an error`, async (t) => {
    const error = await t.throwsAsync(examine(url), { instanceOf: StoreConfigError })
    t.notRegex(error?.message ?? '', /secret/)
  })
}

test('a network that leaves the machine wants encryption and a password', (t) => {
  const about = { hosts: ['db.example'], tls: false, hasLogin: false, remedyTls: 'tls', remedyLogin: 'login' }
  t.deepEqual(levels(networkFindings(about)), { 'no-tls': 'warning', 'no-password': 'warning' })
  t.deepEqual(levels(networkFindings({ ...about, tls: true })), { 'no-password': 'warning' })
  t.deepEqual(levels(networkFindings({ ...about, tls: true, hasLogin: true })), {})
  t.deepEqual(levels(networkFindings({ ...about, hosts: ['localhost', '127.0.0.9', '::1'] })), {})
})

test('a clock that is more than two seconds off is a warning, within the precision of the answer', (t) => {
  t.is(clockFinding(1_500).level, 'fine')
  t.is(clockFinding(-4_000, 3_000).level, 'fine')
  const behind = clockFinding(-60_000)
  t.is(behind.level, 'warning')
  t.regex(behind.line, /60 s behind this machine's/)
  t.regex(clockFinding(61_000).line, /61 s ahead of this machine's/)
})
