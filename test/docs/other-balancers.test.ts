/** The configurations of docs/how-to/haproxy-or-nginx-in-front.md, in front of three nodes that die and drain. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, request as open, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { freePort } from '@ninelives/lab'
import { until } from '../../packages/lab/src/wait.ts'
import { scratch } from '../../packages/lab/test/fixtures/open-lab.ts'

const PAGE = fileURLToPath(new URL('../../docs/how-to/haproxy-or-nginx-in-front.md', import.meta.url))
const DEADLINE_MS = 60_000
const REQUESTS = 30

interface Node {
  readonly name: string
  readonly server: Server
  readonly port: number
  isLeaving: boolean
  /** Of requests that are no probe. */
  served: number
}

interface Answer {
  readonly status: number
  readonly node?: string
  readonly headers?: IncomingHttpHeaders
}

interface Program {
  readonly name: 'haproxy' | 'nginx'
  /** The whole configuration file, of the page's block, for a directory of its own. */
  configuration(block: string, directory: string): string
  args(file: string, directory: string): string[]
}

/** The key and its answer that RFC 6455 gives as an example. */
const WEBSOCKET = { key: 'dGhlIHNhbXBsZSBub25jZQ==', accept: 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

const PROGRAMS: readonly Program[] = [
  { name: 'haproxy', configuration: (block) => block, args: (file) => ['-db', '-f', file] },
  {
    name: 'nginx',
    configuration: (block, directory) => `
daemon off;
pid ${directory}/pid;
error_log ${directory}/error.log;
events {}
http {
  access_log off;
  ${TEMPORARY.map((each) => `${each}_temp_path ${directory}/${each};`).join('\n  ')}
${block}
}`,
    args: (file, directory) => ['-c', file, '-p', directory, '-e', `${directory}/error.log`],
  },
]

for (const program of PROGRAMS) {
  const isMissing = spawnSync(program.name, ['-v']).error !== undefined
  const onProgram = isMissing ? test.skip : test
  onProgram(`${program.name} as on the page: nodes die and drain, and no GET fails`, async (t) => {
    const nodes = [await node(t, 'a'), await node(t, 'b'), await node(t, 'c')]
    const url = await front(t, program, nodes)
    t.deepEqual(await statuses(url, 'GET'), [200])

    // A made-up address is replaced, and paths for the balancer alone are hidden.
    const { headers } = await ask(url, 'GET', '/', { 'x-forwarded-for': '198.51.100.7' })
    t.is(headers?.['x-forwarded-for'], '127.0.0.1')
    t.is(headers?.['x-forwarded-proto'], 'http')
    t.is((await ask(url, 'GET', '/readyz')).status, 404)
    t.is((await ask(url, 'GET', '/metrics')).status, 404)

    t.is(await upgraded(url), 101)

    const [a, b] = nodes as [Node, Node, Node]
    die(a)
    t.deepEqual(await statuses(url, 'GET'), [200])
    // Nothing was sent to a node that refused, so a POST goes elsewhere as well.
    t.deepEqual(await statuses(url, 'POST'), [200])

    b.isLeaving = true
    t.deepEqual(await statuses(url, 'GET'), [200])
    if (program.name === 'nginx') return
    // HAProxy's probes have noticed: the node gets nothing any more.
    await until(
      async () => {
        const { served } = b
        await statuses(url, 'GET')
        return b.served === served
      },
      { deadlineMs: DEADLINE_MS, what: 'HAProxy to leave out the node that drains' },
    )
  })

  onProgram(`${program.name} as on the page: a POST whose node dies is not sent to another one`, async (t) => {
    const nodes = [await node(t, 'a'), await node(t, 'b'), await node(t, 'c')]
    const url = await front(t, program, nodes)
    await statuses(url, 'GET')
    const before = servedBy(nodes)
    // HAProxy closes the client's connection where the node's had served before.
    t.true([0, 502].includes((await ask(url, 'POST', '/breaks')).status))
    t.is(servedBy(nodes), before + 1)
  })
}

function servedBy(nodes: readonly Node[]): number {
  return nodes.reduce((total, { served }) => total + served, 0)
}

async function node(t: ExecutionContext, name: string): Promise<Node> {
  const server = createServer((request, response) => {
    const isProbe = request.url === '/readyz'
    if (!isProbe) self.served += 1
    if (request.url === '/breaks') return request.socket.destroy()
    response.writeHead(isProbe && self.isLeaving ? 503 : 200, { 'content-type': 'application/json' })
    return response.end(JSON.stringify({ node: name, headers: request.headers }))
  })
  server.on('upgrade', (_request, socket) => {
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${WEBSOCKET.accept}\r\n\r\n`,
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const self: Node = { name, server, port: (server.address() as AddressInfo).port, isLeaving: false, served: 0 }
  t.teardown(() => die(self))
  return self
}

/** Its port refuses from now on, as after SIGKILL. */
function die({ server }: Node): void {
  server.close()
  server.closeAllConnections()
}

/** Starts the program with the page's configuration, and resolves to its URL. */
async function front(t: ExecutionContext, program: Program, nodes: readonly Node[]): Promise<string> {
  const [, block = ''] =
    new RegExp(`^\`\`\`${program.name}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(readFileSync(PAGE, 'utf8')) ?? []
  const ports = [await freePort(), ...nodes.map(({ port }) => port)]
  const directory = scratch(t)
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'configuration')
  const onPorts = block.replaceAll(/\b808([0-3])\b/g, (_port, index) => String(ports[Number(index)]))
  writeFileSync(file, program.configuration(onPorts, directory))
  const child = spawn(program.name, program.args(file, directory), { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  t.teardown(async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  })
  const url = `http://127.0.0.1:${ports[0]}`
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`${program.name} ended: ${errors}`)
      return (await ask(url, 'GET', '/')).status === 200
    },
    { deadlineMs: DEADLINE_MS, what: `${program.name} to answer` },
  )
  return url
}

/** Which statuses some requests get. */
async function statuses(url: string, method: string): Promise<number[]> {
  const seen = new Set<number>()
  for (let count = 0; count < REQUESTS; count++) seen.add((await ask(url, method, '/')).status)
  return [...seen].sort((one, other) => one - other)
}

/** Status 0: no connection. */
async function ask(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url + path, { method, headers }).catch(() => undefined)
  if (response === undefined) return { status: 0 }
  const text = await response.text()
  return { ...(text.startsWith('{') ? (JSON.parse(text) as Answer) : {}), status: response.status }
}

/** The status of the answer to an upgrade. */
async function upgraded(url: string): Promise<number | undefined> {
  const request = open(url, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': WEBSOCKET.key,
    },
  })
  request.end()
  const [response, socket] = (await Promise.race([once(request, 'upgrade'), once(request, 'response')])) as [
    { statusCode?: number },
    { destroy?: () => void }?,
  ]
  socket?.destroy?.()
  return response.statusCode
}
