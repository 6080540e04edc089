/** The shop's routes to the lab that runs it: which pages may kill a node, and which nodes there are to kill. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

const cluster = {
  strategy: 'replicated',
  nodes: [
    { name: 'a', url: 'http://127.0.0.1:1', pid: 1, state: 'up', sessions: 3, deaths: 0 },
    { name: 'b', url: 'http://127.0.0.1:2', pid: null, state: 'down', sessions: 0, deaths: 2 },
  ],
}

/** A control API that says what the cluster is, and notes what it is asked to break. */
async function lab(t: ExecutionContext) {
  const asked: unknown[] = []
  const { promise: killed, resolve } = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    if (request.method === 'GET') return response.end(JSON.stringify(cluster))
    let text = ''
    request.on('data', (chunk) => (text += String(chunk)))
    request.on('end', () => {
      asked.push(JSON.parse(text))
      response.end('{}')
      resolve()
    })
    return undefined
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { labUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, killed }
}

test('without a lab there is none, and no route that kills', async (t) => {
  const visitor = client((await shopServer(t)).url)
  t.deepEqual((await visitor.send('GET', '/api/lab')).body, { running: false })
  t.is((await visitor.send('POST', '/api/lab/kill', { node: 'a' })).status, 404)
})

test('under a lab a page of this machine kills a node that is up', async (t) => {
  const { labUrl, asked, killed } = await lab(t)
  const { url } = await shopServer(t, { labUrl })
  const visitor = client(url)
  const { body } = await visitor.send('GET', '/api/lab')
  t.like(body, { running: true, url: labUrl, strategy: 'replicated' })
  t.is((await visitor.send('POST', '/api/lab/kill', { node: 'a' }, { Origin: url })).status, 202)
  await killed
  t.deepEqual(asked, [{ kind: 'kill', target: 'a' }])
})

test('other pages, nodes that are not there, and dead ones are refused, and nothing is killed', async (t) => {
  const { labUrl, asked } = await lab(t)
  const { url } = await shopServer(t, { labUrl })
  const visitor = client(url)
  const kill = (node: string, origin: string) => visitor.send('POST', '/api/lab/kill', { node }, { Origin: origin })
  t.is((await kill('a', 'http://other.example')).status, 403)
  const port = new URL(url).port
  t.is((await kill('a', `http://bound-anew.example:${port}`)).status, 403)
  const unknown = await kill('z', url)
  t.deepEqual([unknown.status, errorCode(unknown)], [422, 'UNKNOWN_NODE'])
  const down = await kill('b', url)
  t.deepEqual([down.status, errorCode(down)], [409, 'NODE_STATE'])
  t.deepEqual(asked, [])
})

test('a lab that does not answer is told as that', async (t) => {
  const { url } = await shopServer(t, { labUrl: 'http://127.0.0.1:1' })
  const visitor = client(url)
  t.is((await visitor.send('GET', '/api/lab')).status, 503)
  const silent = await visitor.send('POST', '/api/lab/kill', { node: 'a' }, { Origin: url })
  t.deepEqual([silent.status, errorCode(silent)], [503, 'LAB_SILENT'])
})
