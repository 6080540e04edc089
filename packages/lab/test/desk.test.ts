/** What the desk remembers, over nodes that do at once whatever they are told. */
import test, { type ExecutionContext } from 'ava'
import type { ClusterNode } from '../src/cluster/node.ts'
import { FaultDesk } from '../src/faults/desk.ts'
import { openedLab } from './fixtures/open-lab.ts'

const clock = { kind: 'clock', target: 'a', skewMs: 1_000 }

async function openDesk(t: ExecutionContext): Promise<FaultDesk> {
  const { trace } = await openedLab(t)
  const keeper = { pid: 1, call: () => Promise.resolve(true) }
  const node = { name: 'a', pid: 1, life: 'up', keeper } as unknown as ClusterNode
  const desk = new FaultDesk({ nodes: [node] }, trace, Math.random)
  t.teardown(() => desk.close())
  return desk
}

test('of many faults those that are over are forgotten, and none that stands', async (t) => {
  const desk = await openDesk(t)
  const first = await desk.inject(clock)
  const second = await desk.inject(clock)
  await desk.heal(second.id)
  for (let n = 0; n < 1_000; n++) await desk.heal((await desk.inject(clock)).id)
  t.is(desk.landed(first.id), true)
  t.is(desk.find(first.id).healedAt, undefined)
  t.throws(() => desk.find(second.id), { message: /there is no fault "f2"/ })
  t.not((await desk.heal(first.id)).healedAt, undefined)
})

test('more than can be remembered are refused', async (t) => {
  const desk = await openDesk(t)
  for (let n = 0; n < 1_000; n++) await desk.inject(clock)
  await t.throwsAsync(desk.inject(clock), { code: 'TOO_MANY_FAULTS' })
  await desk.heal('f7')
  t.is((await desk.inject(clock)).id, 'f1001')
})
