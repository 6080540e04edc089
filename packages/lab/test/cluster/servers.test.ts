/** Each kind of store server, as a process of its own: started, killed, paused, replicated, failed over, forgetful. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ServerName } from '@ninelives/history'
import { findServer, serverKinds } from '../../src/cluster/servers/index.ts'
import type { PrivateServer } from '../../src/cluster/servers/server-kind.ts'
import { StoreServer } from '../../src/cluster/store-server.ts'
import { Keeper } from '../../src/supervise/keeper.ts'
import { freePort } from '../../src/supervise/ports.ts'
import { Warden } from '../../src/supervise/warden.ts'
import { until } from '../../src/wait.ts'
import { scratch } from '../fixtures/open-lab.ts'

interface Started {
  readonly keeper: Keeper
  readonly port: number
}

async function started(t: ExecutionContext, server: PrivateServer, label: string, follows?: number): Promise<Started> {
  const { kind, program } = server
  const port = await freePort()
  const runDirectory = scratch(t)
  const directory = path.join(runDirectory, 'its own')
  mkdirSync(directory, { mode: 0o700 })
  const warden = new Warden()
  const keeper = new Keeper({
    processContext: { directory: runDirectory, warden, onLine: () => undefined },
    restartAfterMs: undefined,
    onLife: () => undefined,
    spec() {
      const [command = '', ...args] = kind.command({ program, port, directory, follows })
      return { label, command, args, environment: process.env, channel: false }
    },
    ready: () => until(() => kind.answers(port), { deadlineMs: 60_000, what: `${label} to answer` }),
  })
  t.teardown(async () => {
    await keeper.kill()
    await warden.close()
  })
  await keeper.start()
  return { keeper, port }
}

for (const name of Object.keys(serverKinds) as ServerName[]) {
  const server = findServer(name, process.env['PATH'] ?? '')
  if (server === undefined && process.env['CI'] === 'true') throw new Error(`there is no ${name}`)
  const withServer = server === undefined ? test.serial.skip : test.serial

  withServer(`${name} comes back after it was killed, and answers nothing while it is paused`, async (t) => {
    if (server === undefined) return t.fail()
    const { keeper, port } = await started(t, server, name)
    const pid = keeper.pid ?? 0
    keeper.signal('SIGKILL')
    await until(() => keeper.pid !== pid, { deadlineMs: 60_000, what: 'its death' })
    t.false(await server.kind.answers(port))
    await keeper.start()
    t.not(keeper.pid, pid)
    keeper.signal('SIGSTOP')
    t.false(await server.kind.answers(port))
    keeper.signal('SIGCONT')
    await until(() => server.kind.answers(port), { deadlineMs: 60_000, what: 'it to go on' })
  })

  const replication = serverKinds[name].replication
  if ('promote' in replication) {
    withServer(`a replica of ${name} is promoted, and the old primary follows it`, async (t) => {
      if (server === undefined) return t.fail()
      const primary = await started(t, server, name)
      const replica = await started(t, server, 'replica', primary.port)
      const follows = ({ port }: Started): Promise<void> =>
        until(() => replication.isInSync(port), { deadlineMs: 60_000, what: 'it to follow' })
      await follows(replica)
      t.true(await replication.isPrimary(primary.port))
      t.false(await replication.isPrimary(replica.port))
      await primary.keeper.kill()
      t.true(await replication.promote(replica.port))
      t.true(await replication.isPrimary(replica.port))
      await follows(await started(t, server, 'replica', replica.port))
    })
  }

  if ('waitForReplica' in replication) {
    withServer(`a replica of ${name} that was promoted before it takes over waits for no replica`, async (t) => {
      if (server === undefined) return t.fail()
      const primary = await started(t, server, name)
      // The replica has a copy of this setting.
      t.false(await replication.waitForReplica?.(primary.port))
      const replica = await started(t, server, 'replica', primary.port)
      const ledTo: number[] = []
      const leadTo = (_id: string, port: number): Promise<boolean> => Promise.resolve(ledTo.push(port) > 0)
      const store = new StoreServer(server.kind, leadTo, primary, replica)
      await store.followed()
      t.true(await replication.promote(replica.port))
      t.true(store.replace())
      t.true(await store.takeOver('f1'))
      t.true(await store.takeOver('f1'))
      t.deepEqual(ledTo, [replica.port])
      const { amnesia } = server.kind
      t.true('forget' in amnesia && (await amnesia.forget(replica.port, 'mark')), 'it acknowledges changes')
    })
  }

  const amnesia = serverKinds[name].amnesia
  if ('forget' in amnesia) {
    withServer(`${name} loses everything and runs on`, async (t) => {
      if (server === undefined) return t.fail()
      const { keeper, port } = await started(t, server, name)
      const { pid } = keeper
      t.true(await amnesia.forget(port, 'mark'))
      t.true(await amnesia.isForgotten(port, 'mark'))
      t.is(keeper.pid, pid)
    })
  }
}

test('what a kind of server can not have, it says why', (t) => {
  for (const { replication, amnesia, eviction, fullDisk, power } of Object.values(serverKinds)) {
    for (const ability of [replication, amnesia, eviction, fullDisk, power])
      if (ability !== true && 'because' in ability) t.regex(ability.because, /^[A-Z].{10,}/)
  }
})
