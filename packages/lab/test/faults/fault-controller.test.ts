/** What the controller of faults remembers, over nodes that do at once what they are told. */
import test, { type ExecutionContext } from 'ava'
import type { ClusterNode } from '../../src/cluster/node.ts'
import { FaultController } from '../../src/faults/controller.ts'
import { openedLab } from '../fixtures/open-lab.ts'

const clock = { kind: 'clock', target: 'a', skewMs: 1_000 }

async function openController(t: ExecutionContext): Promise<FaultController> {
  const { trace } = await openedLab(t)
  const keeper = { pid: 1, call: () => Promise.resolve(true) }
  const node = { name: 'a', pid: 1, life: 'up', keeper } as unknown as ClusterNode
  const controller = new FaultController({ nodes: [node] }, trace, Math.random)
  t.teardown(() => controller.close())
  return controller
}

test('healed faults are forgotten, standing ones are not', async (t) => {
  const controller = await openController(t)
  const first = await controller.inject(clock)
  const second = await controller.inject(clock)
  await controller.heal(second.id)
  for (let n = 0; n < 1_000; n++) await controller.heal((await controller.inject(clock)).id)
  t.is(controller.landed(first.id), true)
  t.is(controller.find(first.id).healedAt, undefined)
  t.throws(() => controller.find(second.id), { message: /there is no fault "f2"/ })
  t.not((await controller.heal(first.id)).healedAt, undefined)
})

test('faults above the bound are refused', async (t) => {
  const controller = await openController(t)
  for (let n = 0; n < 1_000; n++) await controller.inject(clock)
  await t.throwsAsync(controller.inject(clock), { code: 'TOO_MANY_FAULTS' })
  await controller.heal('f7')
  t.is((await controller.inject(clock)).id, 'f1001')
})
