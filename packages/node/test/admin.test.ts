/** Who may change the members of a mesh through a node's admin port, and what is refused there. */
import test, { type ExecutionContext } from 'ava'
import { isFree, meshPort } from '../../sessions/test/support/mesh/ports.ts'
import { client, errorCode } from './support/client.ts'
import { nodeProcess } from './support/node-process.ts'
import { until } from './support/until.ts'

const TOKEN = 'a-token-of-operators'
const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` }

/** Where operators are served. */
async function adminOf(t: ExecutionContext, env: Readonly<Record<string, string>>): Promise<string> {
  const { logged } = nodeProcess(t, { ADMIN_TOKEN: TOKEN, ADMIN_PORT: '0', ...env })
  const listening = await until('the admin port', () => logged.find(({ event }) => event === 'admin-listening'))
  return listening['url'] as string
}

async function growing(): Promise<string> {
  return `replicated:?members=a&peers=a=127.0.0.1:${await meshPort()},b=127.0.0.1:${await meshPort()}`
}

test('an operator sees the members, and each request needs the token', async (t) => {
  const operator = client(await adminOf(t, { STORE: await growing() }))
  const { status, body } = await operator.send('GET', '/members', undefined, AUTHORIZED)
  t.deepEqual([status, body], [200, { node: 'a', counted: ['a'], spare: ['b'], apart: ['b'] }])
  for (const [method, path] of [
    ['GET', '/members'],
    ['PUT', '/members/b'],
    ['DELETE', '/members/a'],
  ] as const) {
    for (const headers of [{}, { Authorization: 'Bearer another-token-than-that' }]) {
      const answer = await operator.send(method, path, undefined, headers)
      t.deepEqual([answer.status, errorCode(answer)], [401, 'UNAUTHORIZED'])
    }
  }
})

test('what may not change is refused with the reason', async (t) => {
  const operator = client(await adminOf(t, { STORE: await growing() }))
  for (const [method, path, reason] of [
    ['DELETE', '/members/a', /a founds the mesh, and stays/],
    ['PUT', '/members/x', /x is none of a, b/],
  ] as const) {
    const answer = await until('the mesh to be founded', async () => {
      const sent = await operator.send(method, path, undefined, AUTHORIZED)
      return !/no full member/.test(JSON.stringify(sent.body)) && sent
    })
    t.deepEqual([answer.status, errorCode(answer)], [409, 'MEMBERS_REFUSED'])
    t.regex(JSON.stringify(answer.body), reason)
  }
})

test('a store whose members are fixed says so', async (t) => {
  const operator = client(await adminOf(t, {}))
  const answer = await operator.send('PUT', '/members/b', undefined, AUTHORIZED)
  t.deepEqual([answer.status, errorCode(answer)], [409, 'MEMBERS_FIXED'])
})

test('without a token there is no admin port, and the shop has no such route', async (t) => {
  const port = await meshPort()
  const url = await nodeProcess(t, { ADMIN_PORT: String(port) }).ready()
  t.true(await isFree(port))
  t.is((await client(url).send('GET', '/members', undefined, AUTHORIZED)).status, 404)
})
