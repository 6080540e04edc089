/** Faults of the private servers other than Redis, and what a session goes through. */
import test, { type ExecutionContext } from 'ava'
import type { ServerName } from '@ninelives/history'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { findServer } from '../../src/cluster/servers/index.ts'
import type { Lab, LabOptions } from '../../src/lab.ts'
import { findStrategy } from '../../src/strategies.ts'
import { until } from '../../src/wait.ts'
import { ask } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

const missing = (name: ServerName): boolean => {
  const isMissing = findServer(name, process.env['PATH'] ?? '') === undefined
  if (isMissing && process.env['CI'] === 'true') throw new Error(`there is no ${name}`)
  return isMissing
}

function labOn(t: ExecutionContext, name: ServerName, changes: Partial<LabOptions> = {}): Promise<Lab> {
  const server = findServer(name, process.env['PATH'] ?? '')
  const strategy = findStrategy(name === 'memcached' ? 'memcached' : 'database')
  if (server === undefined || strategy === undefined) throw new Error(`there is no ${name}`)
  const over = { ...strategy, store: { server: name } }
  return startedLab(t, { strategy: over, server, nodes: 1, restartAfterMs: 200, programs: ownPrograms(), ...changes })
}

async function inject(lab: Lab, kind: string): Promise<string> {
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind, target: 'store' } })
  if (status !== 201) throw new Error(`${json.error.code}: ${json.error.message}`)
  return json.id
}

/** Logs in, and returns a function that waits until the node knows what became of that session: logged in or not. */
async function loggedIn({ cluster }: Lab): Promise<() => Promise<boolean>> {
  const url = cluster.nodes[0]?.url ?? ''
  const body = JSON.stringify({ name: 'user-0', password: 'password-0' })
  const login = await fetch(`${url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const cookie = login.headers
    .getSetCookie()
    .map((each) => each.split(';', 1)[0])
    .join('; ')
  return async () => {
    let status = 0
    const isAnswered = async (): Promise<boolean> => {
      status = (await fetch(`${url}/api/cart`, { headers: { cookie } })).status
      return status === 200 || status === 401
    }
    await until(isAnswered, { deadlineMs: 60_000, what: 'the node to have its store' })
    return status === 200
  }
}

const recovered = ({ trace }: Lab): Promise<void> =>
  until(() => trace.state.faults.length === 0, { deadlineMs: 60_000, what: 'the store to be back' })

for (const name of ['postgres', 'mariadb'] as const) {
  const run = missing(name) ? test.serial.skip : test.serial
  run(`${name} that is killed or paused keeps its sessions, and with amnesia it has none`, async (t) => {
    const lab = await labOn(t, name)
    const isKnown = await loggedIn(lab)
    t.true(await isKnown())
    await inject(lab, 'kill')
    await recovered(lab)
    t.true(await isKnown())
    const pause = await inject(lab, 'pause')
    t.is((await ask(lab, 'DELETE', `/api/faults/${pause}`)).status, 200)
    t.true(await isKnown())
    await inject(lab, 'amnesia')
    t.false(await isKnown())
  })

  run(`a failover of ${name} keeps the sessions, twice`, async (t) => {
    const lab = await labOn(t, name, { replica: true })
    const isKnown = await loggedIn(lab)
    for (let n = 0; n < 2; n++) {
      t.true(await isKnown())
      const before = lab.cluster.store?.port
      const id = await inject(lab, 'failover')
      t.not(lab.cluster.store?.port, before)
      t.true(await isKnown())
      t.is((await ask(lab, 'DELETE', `/api/faults/${id}`)).status, 200)
    }
  })
}

const onMemcached = missing('memcached') ? test.serial.skip : test.serial
onMemcached('memcached that is killed comes back without sessions, and has no failover', async (t) => {
  const lab = await labOn(t, 'memcached')
  const isKnown = await loggedIn(lab)
  t.true(await isKnown())
  await t.throwsAsync(inject(lab, 'failover'), { message: 'IMPOSSIBLE: Memcached has no replicas' })
  await inject(lab, 'kill')
  await recovered(lab)
  t.false(await isKnown())
})
