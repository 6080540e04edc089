/** The conformance suite over three nodes in this process, each case with a mesh of its own. */
import test from 'ava'
import { conformance } from '../src/conformance.ts'
import type { Capabilities } from '../src/contract.ts'
import { meshNodes } from './support/mesh-nodes.ts'

const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: { excused: 'all nodes at once' },
  fences: 'held',
}

const open = () => Promise.reject(new Error('each case opens its own'))

for (const scheme of ['replicated:?', 'clustered:?copies=1&']) {
  for (const [index, { title }] of conformance({ capabilities, open }).entries()) {
    test(`${scheme} ${title}`, async (t) => {
      const mesh = await meshNodes(t, { scheme })
      await conformance({ capabilities, open: () => mesh.open() })[index]?.run()
      t.pass()
    })
  }
}
