import test from 'ava'
import type { StoreOnDisk } from '../../src/cluster/store-on-disk.ts'
import { ApiError } from '../../src/errors.ts'
import { fullDisk } from '../../src/faults/kinds/store/full-disk.ts'

test('a disk that is being healed takes no second fault, which the heal would end', async (t) => {
  const recovered = Promise.withResolvers<boolean>()
  let filled = 0
  let isDiskFull = false
  const store: StoreOnDisk = {
    name: 'store',
    pid: 1,
    life: 'up',
    get isDiskFull() {
      return isDiskFull
    },
    async fillDisk() {
      filled++
      isDiskFull = true
      return true
    },
    async freeDisk() {
      isDiskFull = false
      return await recovered.promise
    },
    refusedWrites: () => 1,
    losePower: () => false,
    restart: () => Promise.resolve(),
  }
  const order = { id: 'f1' }
  await fullDisk.inject(store, order)
  await t.throwsAsync(async () => await fullDisk.inject(store, order), {
    instanceOf: ApiError,
    message: /full already/,
  })
  const healed = fullDisk.heal(store, order, 0)
  await t.throwsAsync(async () => await fullDisk.inject(store, order), {
    instanceOf: ApiError,
    message: /being healed/,
  })
  recovered.resolve(true)
  await healed
  await fullDisk.inject(store, order)
  t.is(filled, 2)
})
