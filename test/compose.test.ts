/** The compose file with a real engine: each strategy is started, its nodes and servers are killed, and users lose nothing. */
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as ask } from 'node:https'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { parse } from 'yaml'
import { decodeTrace, judge } from '@ninelives/history'
import { freePort, until } from '@ninelives/lab'
import { run } from '../packages/lab/test/fixtures/command.ts'
import { scratch } from '../packages/lab/test/fixtures/open-lab.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const answers = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0
const [compose, ...subcommand] = answers('docker', 'compose', 'version') ? ['docker', 'compose'] : ['docker-compose']
const missing = !answers('docker', 'info')
  ? 'no Docker engine answers'
  : !answers(compose, ...subcommand, 'version')
    ? 'Compose is not installed'
    : undefined
const withEngine = missing === undefined ? test.serial : test.serial.skip
if (missing !== undefined) test.skip(`the compose file: ${missing}`, () => {})

interface Promised {
  /** What is killed in turn, one service a fault. */
  readonly victims: readonly string[]
  readonly tabs?: number
  /** The strategy is there to show what is lost without one that holds. */
  readonly losesSessions?: true
}
const NODES = ['node-a', 'node-b', 'node-c']
const strategies: Readonly<Record<string, Promised>> = {
  replicated: { victims: NODES },
  clustered: { victims: NODES },
  database: { victims: NODES },
  // The cookie is the session, so of two tabs that change it at once one loses: that is what the strategy costs.
  token: { victims: NODES, tabs: 1 },
  redis: { victims: ['node-a', 'redis', 'node-b'] },
  sentinel: { victims: ['node-a', 'redis-1', 'node-b'] },
  cluster: { victims: ['node-a', 'cluster-1', 'cluster-2'] },
  hybrid: { victims: ['node-a', 'redis', 'node-b'] },
  postgres: { victims: ['node-a', 'postgres', 'node-b'] },
  mariadb: { victims: ['node-a', 'mariadb', 'node-b'] },
  // Memcached has no copies, so only nodes die.
  memcached: { victims: NODES },
  sticky: { victims: NODES, losesSessions: true },
  memory: { victims: NODES, losesSessions: true },
}
/** Longer than a failover takes: a Sentinel calls a silent primary dead after 2 s. */
const DEAD_FOR_S = 6

const { services } = parse(readFileSync(`${root}/docker-compose.yml`, 'utf8'), { merge: true, maxAliasCount: -1 }) as {
  readonly services: Readonly<Record<string, { readonly image?: string }>>
}
/** Here, or at a registry that can be reached. */
const isThere = (image: string): boolean =>
  answers('docker', 'image', 'inspect', image) || answers('docker', 'pull', '--quiet', image)

/** Each command of a fault may take 30 s, so on a slow machine both wait: the one that starts a part of the time, the next kill the rest. */
const READY_WAIT_S = 15

/** A promise is about one death at a time: a container is killed when every node is ready again. */
const commands = (nodes: readonly string[]): string => `
ready() {
  for node in ${nodes.join(' ')}; do
    timeout 3 docker exec $node bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET /readyz HTTP/1.0\\r\\n\\r\\n" >&3 &&
      read -r -t 2 line <&3 && [[ $line == *" 200 "* ]]' 2>/dev/null || return 1
  done
}
case $1 in
  kill) until ready; do sleep 0.5; done && docker kill $2 ;;
  start)
    sleep ${DEAD_FOR_S} && docker start $2 || exit
    until ready || ((SECONDS > ${READY_WAIT_S})); do sleep 0.5; done ;;
esac`

if (missing === undefined) {
  test.before('the image is of this source', async (t) => {
    t.timeout(600_000)
    await promisify(execFile)(compose, [...subcommand, 'build', 'node-a'], { cwd: root })
    t.pass()
  })
}

type Compose = (...args: string[]) => Promise<{ stdout: string; stderr: string }>

/** Compose for a project of its own, with these variables and on a free port. It is removed with the test. */
function project(t: ExecutionContext, environment: NodeJS.ProcessEnv): Compose {
  const env = { ...process.env, PORT: '0', ...environment }
  const call: Compose = async (...args) =>
    await promisify(execFile)(compose, [...subcommand, ...args], { cwd: root, env })
  t.teardown(async () => await call('down', '--volumes', '--remove-orphans', '--timeout', '1'))
  return call
}

const JSON_BODY = { 'Content-Type': 'application/json' }

const ownName = (what: string): string => `ninelives-test-${process.pid}-${what}`

for (const [strategy, { victims, tabs = 2, losesSessions = false }] of Object.entries(strategies)) {
  const image = services[strategy]?.image
  const lacksImage = missing === undefined && image !== undefined && !isThere(image)
  const started = lacksImage ? test.serial.skip : withEngine
  const outcome = losesSessions ? 'users are logged out, and prove says so' : 'no user loses anything'
  started(`${strategy}: nodes and servers are killed, and ${outcome}`, async (t) => {
    t.timeout(600_000)
    const environment = { STRATEGY: strategy, COMPOSE_PROJECT_NAME: ownName(strategy) }
    const shop = project(t, environment)
    await shop('up', '-d', '--scale', 'lab=0')
    await t.throwsAsync(shop('exec', '-T', 'node-a', 'touch', '/app/x'), { message: /Read-only file system/ })

    const { stdout: address } = await shop('port', 'balancer', '8080')
    const target = `http://${address.trim()}`
    const login = { method: 'POST', body: '{"name":"user-0","password":"password-0"}', headers: JSON_BODY }
    const logsIn = async (): Promise<boolean> =>
      (await fetch(`${target}/api/login`, login).catch(() => undefined))?.ok === true
    await until(logsIn, { deadlineMs: 120_000, what: 'the shop to log a user in' })
    const idOf = async (service: string): Promise<string> => (await shop('ps', '-q', service)).stdout.trim()
    const ids = await Promise.all(victims.map(idOf))
    const nodes = await Promise.all(NODES.map(idOf))
    const directory = scratch(t)
    writeFileSync(`${directory}/node.sh`, commands(nodes))
    const victim = `set -- ${ids.join(' ')}; shift $((NINELIVES_FAULT - 1))`
    const proof = run(
      t,
      [
        ['prove', '--target', target, '--logs', directory, '--users', '24', '--rate', '60', '--seed', '5'],
        ['--tabs', String(tabs)],
        ['--kill-command', `${victim}; bash ${directory}/node.sh kill $1`],
        ['--start-command', `${victim}; bash ${directory}/node.sh start $1`],
        ['--kills', String(victims.length)],
      ].flat(),
      environment,
    )
    await proof.exited
    t.log(proof.output.stdout, proof.output.stderr)
    const verdict = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
    if (losesSessions) t.true(verdict.sessions.lost > 0 && verdict.verdict === 'invalid')
    else t.deepEqual(verdict.anomalies, [])
    t.true(verdict.writes.acknowledged > 0)
    t.deepEqual(verdict.faults, { landed: victims.length, missed: 0 })
  })
}

withEngine(
  'a strategy that does not exist is refused with the ones that do, and nothing is left waiting',
  async (t) => {
    t.timeout(600_000)
    const shop = project(t, { STRATEGY: 'redsi', COMPOSE_PROFILES: 'none', COMPOSE_PROJECT_NAME: ownName('wrong') })
    await t.throwsAsync(shop('up', '-d'))
    t.regex(
      (await shop('logs', 'prepare')).stdout,
      /STRATEGY is "redsi"; it takes one of: cluster clustered .* token\. For example: STRATEGY=redis docker compose up/,
    )
    t.is((await shop('ps', '-q', 'balancer')).stdout.trim(), '')
  },
)

withEngine('the live page kills a node inside compose, and Docker starts it again', async (t) => {
  t.timeout(600_000)
  const port = String(await freePort())
  const CONTROL_TOKEN = 'the-token-of-a-lab-in-compose'
  const headers = { Authorization: `Bearer ${CONTROL_TOKEN}` }
  const shop = project(t, { COMPOSE_PROJECT_NAME: ownName('lab'), CONTROL_PORT: port, USERS: '4', CONTROL_TOKEN })
  await shop('up', '-d')
  const url = `http://127.0.0.1:${port}`
  const nodes = async (): Promise<readonly string[]> => {
    const answer = await fetch(`${url}/api/cluster`, { headers }).catch(() => undefined)
    const cluster = (await answer?.json()) as { nodes?: readonly { state: string }[] } | undefined
    return cluster?.nodes?.map(({ state }) => state) ?? []
  }
  const areUp = async (): Promise<boolean> => (await nodes()).join() === 'up,up,up'
  await until(areUp, { deadlineMs: 120_000, what: 'the nodes at their lab ports' })
  t.is((await fetch(`${url}/api/faults`, { method: 'POST', body: '{"kind":"kill","target":"a"}' })).status, 401)
  const restarts = async (node: string): Promise<string> => {
    const { stdout: id } = await shop('ps', '-q', `node-${node}`)
    const format = '--format={{.RestartCount}}'
    return (await promisify(execFile)('docker', ['inspect', format, id.trim()])).stdout.trim()
  }
  for (const fault of [
    { kind: 'kill', target: 'b' },
    // Comes with the next request that commits something.
    { kind: 'crash', target: 'c', point: 'before-commit' },
  ]) {
    const answer = await fetch(`${url}/api/faults`, { method: 'POST', headers, body: JSON.stringify(fault) })
    t.is(answer.status, 201, await answer.text())
    const isBack = async (): Promise<boolean> => (await restarts(fault.target)) === '1' && (await areUp())
    await until(isBack, { deadlineMs: 120_000, what: `the node to be back after ${fault.kind}` })
  }
  t.is(await restarts('a'), '0')
})

withEngine(
  'over TLS the shop has a certificate that was made at the first start, and is the same after the next',
  async (t) => {
    t.timeout(600_000)
    const port = String(await freePort())
    const shop = project(t, { COMPOSE_PROFILES: 'tls', COMPOSE_PROJECT_NAME: ownName('tls'), TLS_PORT: port })
    const certificate = async (): Promise<string> =>
      (await shop('exec', '-T', 'balancer-tls', 'cat', '/secrets/certificate.pem')).stdout
    const statusWith = async (ca: string): Promise<number | undefined> => {
      const request = ask({ host: '127.0.0.1', port, path: '/api/session', ca, agent: false })
      request.end()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return response.resume().statusCode
    }
    await shop('up', '-d', '--scale', 'lab=0')
    const first = await certificate()
    const serves = async (): Promise<boolean> => (await statusWith(first).catch(() => undefined)) === 200
    await until(serves, { deadlineMs: 120_000, what: 'the shop to serve over TLS' })
    await shop('down', '--timeout', '1')
    await shop('up', '-d', '--scale', 'lab=0')
    t.is(await certificate(), first)
    await until(serves, { deadlineMs: 120_000, what: 'the shop to serve over TLS again' })
  },
)

withEngine('a strategy without its profile is told how to start its server', async (t) => {
  t.timeout(600_000)
  const shop = project(t, { STRATEGY: 'redis', COMPOSE_PROFILES: 'none', COMPOSE_PROJECT_NAME: ownName('alone') })
  await shop('up', '-d', 'node-a')
  const told = async (): Promise<boolean> => (await shop('logs', 'node-a')).stdout.includes('which does not run')
  await until(told, { deadlineMs: 60_000, what: 'the explanation' })
  t.regex(
    (await shop('logs', 'node-a')).stdout,
    /needs the server "redis", .*COMPOSE_PROFILES=redis STRATEGY=redis docker compose up/,
  )
})
