/** The conformance suite over three nodes in this process. */
import test from 'ava'
import { conformance } from '../../src/conformance.ts'
import type { Capabilities, SessionKey } from '../../src/contract.ts'
import { meshNodes } from '../support/mesh/nodes.ts'

const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: { excused: 'all nodes at once' },
  fences: 'held',
}

const open = () => Promise.reject(new Error('each case opens its own'))

/** What a case does to a node itself needs a mesh of its own. */
const endsNodes = /after that node is gone|once closed/
const titles = conformance({ capabilities, open }).map(({ title }) => title)

for (const scheme of ['replicated:?', 'clustered:?copies=1&']) {
  test.serial(`${scheme} conforms`, async (t) => {
    const mesh = await meshNodes(t, { scheme })
    // A case of its own for each title, so that its second node is never its first one.
    const ownCase = (index: number) => {
      let turn = index
      const living = async () => ({ ...mesh.node(['a', 'b', 'c'][turn++ % 3] ?? ''), close: async () => {} })
      return conformance({ capabilities, open: living })[index]
    }
    const cases = titles.flatMap((title, index) => (endsNodes.test(title) ? [] : (ownCase(index) ?? [])))
    t.true(cases.length > 15)
    await Promise.all(cases.map(({ title, run }) => t.notThrowsAsync(run, title)))
  })

  for (const [index, title] of titles.entries()) {
    if (!endsNodes.test(title)) continue
    test.serial(`${scheme} ${title}`, async (t) => {
      const mesh = await meshNodes(t, { scheme })
      await conformance({ capabilities, open: () => mesh.open() })[index]?.run()
      t.pass()
    })
  }
}

test('a node that is open again counts as a copy of every session', async (t) => {
  const mesh = await meshNodes(t, { scheme: 'replicated:?openTimeoutMs=60000&' })
  const expiresAtMs = Date.now() + 600_000
  const keys = Array.from({ length: 2_000 }, (_, n) => `session-${n}`.padEnd(22, '-') as SessionKey)
  const written = keys.map((key) => mesh.node('a').write(key, { expectedVersion: 0, expiresAtMs, body: '{}' }))
  await Promise.all(written)
  await mesh.node('c').close()
  const again = await mesh.restart('c')
  t.like(again.status(), { role: 'full' })
  t.is(again.localSessionCount?.(), keys.length)
})
