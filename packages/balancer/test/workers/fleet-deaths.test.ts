/** A worker that is killed costs the requests that it had begun, and no other. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import test from 'ava'
import { certificateFolder, testCertificate } from '../fixtures/certificate.ts'
import { ask } from '../fixtures/requests/client.ts'
import type { Answer } from '../fixtures/requests/client.ts'
import { count, fleet, workersOf } from '../fixtures/workers/fleet.ts'
import { freePort, startNode } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

const CLIENTS = 12

test('requests that a killed worker had not begun are answered, on new connections and on those that were kept', async (t) => {
  const a = await startNode(t, 'a')
  const { url, admin, child } = await fleet(t, `a=${a.url}`)
  const agents = Array.from({ length: CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => agents.forEach((agent) => agent.destroy()))
  const all = Array<number>(CLIENTS).fill(200)
  t.deepEqual(await statuses(agents.map((agent) => ask(url, { agent }))), all)
  await until(async () => (await count(admin, 'requests_total{code="200"}')) === CLIENTS, { what: 'all to be over' })
  await admin('/metrics')

  // A worker that stands still begins nothing. By turns it has half of the connections, and gets half of the new ones.
  const [victim = 0] = await workersOf(child.pid)
  process.kill(victim, 'SIGSTOP')
  const kept = statuses(agents.map((agent) => ask(url, { agent, method: 'POST', body: 'kept' })))
  const anew = statuses(agents.map(() => ask(url, { method: 'POST', body: 'new' })))
  await until(async () => (await posts(a.url)) > 0, { what: 'the other worker to serve its part' })
  process.kill(victim, 'SIGKILL')
  t.deepEqual(await kept, all)
  t.deepEqual(await anew, all)
})

function statuses(answers: readonly Promise<Answer>[]): Promise<number[]> {
  return Promise.all(answers.map(async (answer) => (await answer).status))
}

async function posts(nodeUrl: string): Promise<number> {
  const seen = JSON.parse((await ask(`${nodeUrl}/seen`)).body.toString()) as string[]
  return seen.filter((each) => each.startsWith('POST ')).length
}

test('while no worker is left, clients wait, on new connections and on open ones', async (t) => {
  const a = await startNode(t, 'a')
  const { url, child } = await fleet(t, `a=${a.url}`)
  const stands = await rawClient(t, Number(new URL(url).port))
  stands.send('GET /first HTTP/1.1', 'Host: a', '', '')
  await stands.receives(/ 200 /)
  const begun = ask(`${url}/slow?ms=60000`)
  await until(async () => (await ask(`${a.url}/seen`)).body.includes('slow'), { what: 'the slow request to arrive' })
  for (const pid of await workersOf(child.pid)) process.kill(pid, 'SIGKILL')
  stands.send('GET /second HTTP/1.1', 'Host: a', '', '')
  const anew = ask(`${url}/third`)
  await t.throwsAsync(begun, { code: 'ECONNRESET' })
  t.is((await anew).status, 200)
  await stands.receives(/ 200 [^]* 200 /)
})

test('what a client sends behind a request that was no HTTP is not carried out, also when its worker dies', async (t) => {
  const a = await startNode(t, 'a')
  const { url, child } = await fleet(t, `a=${a.url}`)
  const client = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => client.destroy())
  client.on('error', () => 'a reset is one way to be closed')
  const refused = once(client.resume(), 'end')
  client.write('what is this\r\n\r\n')
  await refused
  for (const pid of await workersOf(child.pid)) process.kill(pid, 'SIGKILL')
  const isCarriedOut = async () => (await ask(`${a.url}/seen`)).body.includes('behind')
  const isSettled = async () => {
    // Only a write finds that the connection is closed.
    client.write('GET /behind HTTP/1.1\r\nHost: a\r\n\r\n')
    return client.destroyed || (await isCarriedOut())
  }
  await until(isSettled, { what: 'the connection to be closed' })
  t.false(await isCarriedOut())
})

test('a connection that a worker closes is closed for the client, and the limit of connections holds', async (t) => {
  const a = await startNode(t, 'a')
  const upstreams = `a=${a.url}`
  const [hasty, { url, admin }] = await Promise.all([
    fleet(t, upstreams, { CLIENT_HEADERS_TIMEOUT_MS: '50' }),
    fleet(t, upstreams, { CLIENT_CONNECTIONS_PER_ADDRESS_MAX: '2' }),
  ])
  const slow = await rawClient(t, Number(new URL(hasty.url).port))
  slow.send('GET / HTTP/1.1', '')
  t.regex(await slow.closed, /^HTTP\/1.1 408 /)
  const port = Number(new URL(url).port)
  const bad = await rawClient(t, port)
  bad.send('what is this', '', '')
  t.regex(await bad.closed, /^HTTP\/1.1 400 /)
  const all = await Promise.all(Array.from({ length: 5 }, () => rawClient(t, port)))
  await Promise.race(all.map(({ closed }) => closed))
  await until(async () => /refused_connections_total\{bound="address"\} \d/.test(await admin('/metrics')), {
    what: 'it to be counted',
  })
  t.pass()
})

test('by TLS a connection ends with its worker, and the next one is served', async (t) => {
  const a = await startNode(t, 'a')
  const pair = testCertificate()
  const { env } = await certificateFolder(t, pair)
  const tls = { ...env, REDIRECT_PORT: String(await freePort()) }
  const { url, child } = await fleet(t, `a=${a.url}`, tls)
  const status = async (): Promise<number | undefined> => {
    const request = secureRequest(url, { ca: pair.cert, servername: 'localhost', agent: false })
    request.end()
    const [response] = (await once(request, 'response')) as [{ statusCode: number; resume(): void }]
    response.resume()
    return response.statusCode
  }
  t.is(await status(), 200)
  const silent = await rawClient(t, Number(new URL(url).port))
  for (const pid of await workersOf(child.pid)) process.kill(pid, 'SIGKILL')
  await silent.closed
  t.is(await status(), 200)
  t.is((await ask(`http://127.0.0.1:${tls.REDIRECT_PORT}/`, { headers: { host: 'localhost' } })).status, 308)
})
