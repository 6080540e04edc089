/** Real nodes without requests are killed, stopped or cut off. Then the first request at another node sees everything. */
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { type MeshProcesses, meshProcesses } from '../support/mesh/processes.ts'
import { until } from '../support/until.ts'

const key = 'some-key' as SessionKey
const HOUR_MS = 3_600_000

/** A busy machine may take longer than a verb waits: an attempt that was refused is made again. */
async function served<T>(attempt: () => Promise<T>): Promise<T> {
  let value: { readonly is: T } | undefined
  await until('a verb to be carried out', async () => {
    value = { is: await attempt() }
    return true
  })
  return (value as { readonly is: T }).is
}

async function write(store: SessionStore, expectedVersion: number, body: string): Promise<void> {
  await served(async () => {
    const result = await store.write(key, { expectedVersion, expiresAtMs: Date.now() + HOUR_MS, body })
    if (result.status === 'conflict' && result.current.body === body) return
    if (result.status !== 'written') throw new Error(`not written: ${result.status}`)
  })
}

const bodyAt = async (store: SessionStore): Promise<string | undefined> => (await served(() => store.read(key)))?.body

/** With a session written at node c. */
async function quietMesh(t: ExecutionContext): Promise<MeshProcesses> {
  const mesh = await meshProcesses(t)
  await write(mesh.node('c'), 0, 'one')
  for (const name of mesh.names) await untilStatus(mesh, name, (status) => status.quiet)
  return mesh
}

const untilStatus = (
  mesh: MeshProcesses,
  name: string,
  is: (status: Awaited<ReturnType<ReturnType<MeshProcesses['node']>['status']>>) => boolean,
) => until(`${name} to be as expected`, async () => is(await mesh.node(name).status()))

test.serial('a node is killed while all are quiet', async (t) => {
  const mesh = await quietMesh(t)
  await mesh.node('c').kill()
  t.is(await bodyAt(mesh.node('a')), 'one')
  await write(mesh.node('b'), 1, 'two')
  t.is(await bodyAt(mesh.node('a')), 'two')
  const again = await mesh.start('c')
  await again.open()
  t.is(await bodyAt(again), 'two')
  for (const name of mesh.names) await untilStatus(mesh, name, (status) => status.quiet)
})

test.serial('a node is stopped while all are quiet', async (t) => {
  const mesh = await quietMesh(t)
  mesh.node('c').pause()
  t.is(await bodyAt(mesh.node('a')), 'one')
  await write(mesh.node('b'), 1, 'two')
  t.is(await bodyAt(mesh.node('a')), 'two')
  mesh.node('c').resume()
  t.is(await bodyAt(mesh.node('c')), 'two')
  for (const name of mesh.names) await untilStatus(mesh, name, (status) => status.quiet)
})

test.serial('a node is cut off while all are quiet, and serves nothing that is older', async (t) => {
  const mesh = await quietMesh(t)
  const edges = [mesh.between('a', 'c'), mesh.between('b', 'c')]
  for (const edge of edges) edge.cut('silence')
  await write(mesh.node('a'), 1, 'two')
  t.is(await bodyAt(mesh.node('b')), 'two')
  t.true((await mesh.node('c').status()).quiet, 'it knows nothing of the cut')
  await t.throwsAsync(mesh.node('c').read(key), { instanceOf: StoreUnavailableError })
  t.false((await mesh.node('c').status()).serves)
  for (const edge of edges) edge.mend()
  t.is(await bodyAt(mesh.node('c')), 'two')
  for (const name of mesh.names) await untilStatus(mesh, name, (status) => status.quiet)
})
