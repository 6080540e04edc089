/** The compose file with a real engine: each strategy is started, its nodes and servers are killed, and users lose nothing. */
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as ask } from 'node:https'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
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

/** What is killed in turn, one service a fault. */
const strategies: Readonly<Record<string, readonly string[]>> = {
  replicated: ['node-a', 'node-b', 'node-c'],
  redis: ['node-a', 'redis', 'node-b'],
  sentinel: ['node-a', 'redis-1', 'node-b'],
  cluster: ['node-a', 'cluster-1', 'cluster-2'],
  hybrid: ['node-a', 'redis', 'node-b'],
  postgres: ['node-a', 'postgres', 'node-b'],
  // Memcached has no copies, so only nodes die.
  memcached: ['node-a', 'node-b', 'node-c'],
}
/** Longer than a failover takes: a Sentinel calls a silent primary dead after 2 s. */
const DEAD_FOR_S = 6

type Compose = (...args: string[]) => Promise<{ stdout: string; stderr: string }>

/** Compose for a project of its own, with these variables and on a free port. It is removed with the test. */
function project(t: ExecutionContext, environment: NodeJS.ProcessEnv): Compose {
  const env = { ...process.env, PORT: '0', ...environment }
  const call: Compose = async (...args) =>
    await promisify(execFile)(compose, [...subcommand, ...args], { cwd: root, env })
  t.teardown(async () => await call('down', '--volumes', '--remove-orphans', '--timeout', '1'))
  return call
}

const ownName = (what: string): string => `ninelives-test-${process.pid}-${what}`

for (const [strategy, victims] of Object.entries(strategies)) {
  withEngine(`${strategy}: nodes and servers are killed, and no user loses anything`, async (t) => {
    t.timeout(600_000)
    const environment = { STRATEGY: strategy, COMPOSE_PROJECT_NAME: ownName(strategy) }
    const shop = project(t, environment)
    await shop('up', '-d', '--scale', 'watch=0')
    await t.throwsAsync(shop('exec', '-T', 'node-a', 'touch', '/app/x'), { message: /Read-only file system/ })

    const { stdout: address } = await shop('port', 'balancer', '8080')
    const target = `http://${address.trim()}`
    const serves = async (): Promise<boolean> =>
      (await fetch(`${target}/api/session`).catch(() => undefined))?.ok === true
    await until(serves, { deadlineMs: 120_000, what: 'the shop to serve' })
    const victim = `set -- ${victims.join(' ')}; shift $((NINELIVES_FAULT - 1)); ${[compose, ...subcommand].join(' ')}`
    const directory = scratch(t)
    const proof = run(
      t,
      [
        ['prove', '--target', target, '--logs', directory, '--users', '24', '--rate', '60', '--seed', '5'],
        ['--kill-command', `${victim} kill $1`, '--start-command', `sleep ${DEAD_FOR_S}; ${victim} start $1`],
        ['--kills', String(victims.length)],
      ].flat(),
      environment,
    )
    await proof.exited
    t.log(proof.output.stdout, proof.output.stderr)
    const verdict = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
    t.deepEqual(verdict.anomalies, [])
    t.true(verdict.writes.acknowledged > 0)
    t.deepEqual(verdict.faults, { landed: victims.length, missed: 0 })
  })
}

withEngine('a strategy that does not exist is refused with the ones that do, by the watch too, which does not wait', async (t) => {
  t.timeout(600_000)
  const shop = project(t, { STRATEGY: 'redsi', COMPOSE_PROFILES: 'none', COMPOSE_PROJECT_NAME: ownName('wrong') })
  await shop('up', '-d')
  for (const service of ['node-a', 'balancer', 'watch']) {
    const logs = async (): Promise<boolean> => (await shop('logs', service)).stdout.includes('redsi')
    await until(logs, { deadlineMs: 60_000, what: `the refusal of ${service}` })
    const { stdout } = await shop('logs', service)
    t.regex(
      stdout,
      /STRATEGY is "redsi"; it takes one of: cluster clustered .* token\. For example: STRATEGY=redis docker compose up/,
    )
    t.notRegex(stdout, /ECONNREFUSED|refused: no process/)
  }
})

withEngine('over TLS the shop has a certificate that was made at the first start, and is the same after the next', async (t) => {
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
  await shop('up', '-d', '--scale', 'watch=0')
  const first = await certificate()
  const serves = async (): Promise<boolean> => (await statusWith(first).catch(() => undefined)) === 200
  await until(serves, { deadlineMs: 120_000, what: 'the shop to serve over TLS' })
  await shop('down', '--timeout', '1')
  await shop('up', '-d', '--scale', 'watch=0')
  t.is(await certificate(), first)
  await until(serves, { deadlineMs: 120_000, what: 'the shop to serve over TLS again' })
})

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
