import test from 'ava'
import type { EventBody, TraceEvent } from '@ninelives/history'
import { commandOf, faultsOf, linkOf, type PlannedFault, sceneOf } from '../src/page/scene/scene.ts'

const scene = { strategy: 'sticky', nodes: 3, users: 30, tabs: 1, rate: 60, seed: 7, edges: false, faults: [] }

test('a scene has the command that starts it', (t) => {
  t.is(commandOf(scene), 'npm start -- --strategy sticky --nodes 3 --users 30 --rate 60 --seed 7')
})

test('a name from a recording is one word to a shell, whatever is in it', (t) => {
  t.regex(commandOf({ ...scene, strategy: "x; echo 'y' | sh" }), /--strategy 'x; echo '\\''y'\\'' \| sh' --nodes/)
})

const free = { min: 0, max: 1_000 }
const bounds = { nodes: free, users: free, tabs: free, rate: free, seed: free }

test("a link has the scene's faults, whatever they fall on and take", (t) => {
  const pairs = 'abcdefghijkl'.split('').flatMap((node) => [`balancer>${node}`, `${node}>store`])
  const faults: PlannedFault[] = [
    { kind: 'kill', target: 'a,b', afterMs: 1_000, options: {} },
    { kind: 'cut', target: '*>store', afterMs: 2_000, options: { durationMs: 500, direction: 'request' } },
    { kind: 'hold', target: pairs.join(','), afterMs: 2_500, options: {} },
    {
      kind: 'crash',
      target: 'b',
      afterMs: 3_000,
      options: { point: 'after-commit', operation: 'DELETE /api/cart/:sku', request: 3 },
    },
  ]
  t.deepEqual(sceneOf(`#${linkOf({ ...scene, faults })}`, scene, bounds), { ...scene, faults })
})

test('a recording has the faults that landed, also one that could not be healed', (t) => {
  const bodies: EventBody[] = [
    { type: 'cluster-ready', inMs: 1 },
    { type: 'fault-injected', fault: 'f1', kind: 'pause', target: 'a' },
    { type: 'fault-failed', fault: 'f1', reason: 'it did not land' },
    { type: 'fault-injected', fault: 'f2', kind: 'pause', target: 'b' },
    { type: 'fault-confirmed', fault: 'f2' },
    { type: 'fault-failed', fault: 'f2', reason: 'not healed: it did not answer' },
  ]
  const events = bodies.map((body, seq): TraceEvent => Object.assign({ seq, atMs: seq * 100 }, body))
  t.deepEqual(faultsOf(events), [{ kind: 'pause', target: 'b', afterMs: 300, options: {} }])
})
