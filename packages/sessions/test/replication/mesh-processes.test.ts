/**
 * The conformance suite over real processes, while another node of the mesh is killed and comes back, is paused, or is cut
 * off by turns: the nodes that a case talks to are a majority, and must serve it as if nothing had happened.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { conformance } from '../../src/conformance.ts'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { capabilities, type MeshProcesses, meshProcesses } from '../support/mesh/processes.ts'
import { until } from '../support/until.ts'

const VICTIM = 'b'
const FAULT_MS = 700
const BETWEEN_MS = 300

type Fault = (mesh: MeshProcesses) => Promise<void>

const faults: Readonly<Record<string, Fault>> = {
  async kill(mesh) {
    await mesh.node(VICTIM).kill()
    await sleep(FAULT_MS / 2)
    const node = await mesh.start(VICTIM)
    await node.open()
  },
  async pause(mesh) {
    mesh.node(VICTIM).pause()
    await sleep(FAULT_MS)
    mesh.node(VICTIM).resume()
  },
  cut: (mesh) => cutOff(mesh, 'silence'),
  reset: (mesh) => cutOff(mesh, 'reset'),
}

async function cutOff(mesh: MeshProcesses, how: 'silence' | 'reset'): Promise<void> {
  const links = mesh.names.filter((name) => name !== VICTIM).map((name) => mesh.between(name, VICTIM))
  for (const link of links) link.cut(how)
  await sleep(FAULT_MS)
  for (const link of links) link.mend()
}

/** Until told to stop; rejects when a fault could not be carried out. */
async function keepBreaking(mesh: MeshProcesses, signal: AbortSignal): Promise<void> {
  const all = Object.values(faults)
  for (let turn = 0; !signal.aborted; turn++) {
    await all[turn % all.length]?.(mesh)
    await sleep(BETWEEN_MS)
  }
}

/** Nodes that go on running when a case has closed them. */
function handedOut(mesh: MeshProcesses): () => Promise<SessionStore> {
  const names = mesh.names.filter((name) => name !== VICTIM)
  let turn = 0
  return async () => ({ ...mesh.node(names[turn++ % names.length] ?? ''), close: async () => {} })
}

const open = () => Promise.reject(new Error('each case opens its own'))
const titles = conformance({ capabilities, open }).map(({ title }) => title)
/** Cases that break a node themselves leave no majority beside one that is down. */
const endsNodes = /after that node is gone|once closed/

/** A case talks to a node that holds the session: a call to another node that dies has no known outcome. */
const meshes = [
  { scheme: 'replicated:?', names: ['a', 'b', 'c'] },
  { scheme: 'clustered:?copies=2&', names: ['a', 'b', 'c'] },
]

for (const { scheme, names } of meshes) {
  test.serial(`${scheme} conforms while another node dies, hangs and is cut off`, async (t) => {
    const mesh = await meshProcesses(t, { scheme, names })
    const ending = new AbortController()
    const breaking = keepBreaking(mesh, ending.signal)
    let failed: unknown
    breaking.catch((error: unknown) => (failed = error))
    try {
      for (const { title, run } of conformance({ capabilities, open: handedOut(mesh) })) {
        if (endsNodes.test(title)) continue
        await t.notThrowsAsync(run, title)
        t.is(failed, undefined)
      }
    } finally {
      ending.abort()
    }
    await breaking
  })

  for (const [index, title] of titles.entries()) {
    if (!endsNodes.test(title)) continue
    test.serial(`${scheme} ${title}`, async (t) => {
      const mesh = await meshProcesses(t, { scheme, names })
      const free = [...names]
      await conformance({ capabilities, open: async () => mesh.node(free.shift() ?? '') })[index]?.run()
      t.pass()
    })
  }
}

test.serial('a node that stands still while it joins, and is dropped, is open once it has every session', async (t) => {
  const mesh = await meshProcesses(t)
  const expiresAtMs = Date.now() + 600_000
  // So much that joining takes a while.
  const body = 'x'.repeat(4_000)
  const keys = Array.from({ length: 5_000 }, (_, n) => `session-${n}`.padEnd(22, '-') as SessionKey)
  for (let at = 0; at < keys.length; at += 250) {
    const some = keys.slice(at, at + 250)
    await Promise.all(some.map((key) => mesh.node('a').write(key, { expectedVersion: 0, expiresAtMs, body })))
  }
  const roleOfC = async () => {
    const { view } = await mesh.node('a').status()
    return view?.members.find(({ rank }) => rank === mesh.names.indexOf('c'))?.role
  }
  for (let attempt = 1; ; attempt++) {
    await mesh.node('c').kill()
    const again = await mesh.start('c')
    const opening = again.open()
    await until('c to join', async () => ['joining', 'full'].includes((await again.status()).role))
    again.pause()
    const joins = (await roleOfC()) === 'joining'
    await until('c to be dropped', async () => (await roleOfC()) === 'out')
    again.resume()
    await opening
    if (joins) return t.like(await again.status(), { role: 'full', sessions: keys.length })
    // Starved of time, this process has paused it too late.
    if (attempt === 5) return t.fail('c was always full before it was paused')
  }
})

test.serial(
  'a mesh of five names serves with three nodes, with five and with three again, and loses nothing',
  async (t) => {
    const [first, later] = [
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]
    const mesh = await meshProcesses(t, { names: [...first, ...later], started: first })
    const expiresAtMs = Date.now() + 600_000
    const put = async (key: SessionKey, by: string): Promise<void> => {
      const { status } = await mesh.node(by).write(key, { expectedVersion: 0, body: by, expiresAtMs })
      t.is(status, 'written', key)
    }
    const has = async (keys: readonly SessionKey[], names: readonly string[]): Promise<void> => {
      for (const name of names) for (const key of keys) t.truthy(await mesh.node(name).read(key), `${key} on ${name}`)
    }
    const [ofThree, ofFive, ofThreeAgain] = ['of-three' as SessionKey, 'of-five' as SessionKey, 'again' as SessionKey]
    await put(ofThree, 'a')
    await has([ofThree], first)

    for (const name of later) await (await mesh.start(name)).open()
    await put(ofFive, 'e')
    await has([ofThree, ofFive], mesh.names)

    // The last one first, and one at a time, as a StatefulSet is scaled.
    for (const name of later.toReversed()) await mesh.node(name).close()
    await put(ofThreeAgain, 'c')
    await has([ofThree, ofFive, ofThreeAgain], first)
  },
)
