/** What the controller of faults remembers, over nodes that do at once what they are told. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge } from '@ninelives/history'
import type { ClusterNode } from '../../src/cluster/node.ts'
import type { Eviction } from '../../src/cluster/servers/server-kind.ts'
import type { StoreServer } from '../../src/cluster/store-server.ts'
import { FaultController } from '../../src/faults/controller.ts'
import { until } from '../../src/wait.ts'
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

test('healed faults are forgotten, ongoing ones are not', async (t) => {
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

test('the stores of two clusters are seen to evict by their own counts', async (t) => {
  // The second cluster's store has evicted more before than the first one's ever does.
  const seenTwo = Promise.withResolvers<void>()
  const one = await controllerOfStore(t, 0, seenTwo.promise)
  const two = await controllerOfStore(t, 1_000, Promise.resolve(), seenTwo.resolve)
  const orders = [one, two].map(async (controller) => controller.inject({ kind: 'eviction', target: 'store' }))
  const [first, second] = await Promise.all(orders)
  t.truthy(first?.confirmedAt)
  t.truthy(second?.confirmedAt)
})

/** A controller whose store has evicted so many keys, and evicts another one when `due` resolves. `seen`: called when the number is asked for. */
async function controllerOfStore(
  t: ExecutionContext,
  evictedBefore: number,
  due: Promise<void>,
  seen: () => void = () => undefined,
): Promise<FaultController> {
  const { trace } = await openedLab(t)
  let evicted = evictedBefore
  const eviction: Eviction = {
    async evict() {
      await due
      evicted++
      return true
    },
    evicted() {
      seen()
      return Promise.resolve(evicted)
    },
  }
  const store = { name: 'store', pid: 1, life: 'up', kind: { eviction } } as unknown as StoreServer
  const controller = new FaultController({ nodes: [], store }, trace, Math.random)
  t.teardown(() => controller.close())
  return controller
}

test('a fault that is healed before it is seen to have landed did not land', async (t) => {
  const { trace } = await openedLab(t)
  // The first look begins while the node stands still, and ends after it was healed.
  const first = Promise.withResolvers<string>()
  let looks = 0
  const observe = (): Promise<string> => (looks++ === 0 ? first.promise : Promise.resolve('running'))
  const keeper = { pid: 1, signal: () => true }
  const node = { name: 'a', pid: 1, life: 'up', keeper, observe } as unknown as ClusterNode
  const controller = new FaultController({ nodes: [node] }, trace, Math.random)
  t.teardown(() => controller.close())
  const injected = controller.inject({ kind: 'pause', target: 'a' })
  await until(() => looks > 0, { deadlineMs: 60_000, what: 'a look at the node' })
  await controller.heal('f1')
  first.resolve('stopped')
  const { confirmedAt, healedAt } = await injected
  t.is(confirmedAt, null)
  t.truthy(healedAt)
  const { events } = decodeTrace(readFileSync(trace.path, 'utf8'))
  const { faults, doubts } = judge(events)
  t.deepEqual(faults, { landed: 0, missed: 1 })
  t.true(doubts.includes('fault f1 (pause of a) was taken back before it landed'))
})
