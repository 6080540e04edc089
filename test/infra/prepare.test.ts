/** What compose makes at its first start: secrets, and a certificate that a client can trust. */
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request as ask } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { isDue, selfSigned } from '../../infra/compose/certificate.ts'
import { scratch } from '../../packages/lab/test/fixtures/open-lab.ts'

const program = fileURLToPath(new URL('../../infra/compose/prepare.ts', import.meta.url))
const DAY_MS = 24 * 60 * 60_000

const ROLES = ['balancer', 'balancer-tls', 'lab', 'node', 'prometheus']

const prepare = (folder: string, STRATEGY = 'redis') =>
  spawnSync(process.execPath, [program, folder], { encoding: 'utf8', env: { STRATEGY } })

/** With an empty folder for each role, as the volumes are before the first start. */
function volumes(t: ExecutionContext): string {
  const folder = scratch(t)
  for (const role of ROLES) mkdirSync(join(folder, role))
  return folder
}

/** What each role can read after a start, by `role/name`. */
function prepared(t: ExecutionContext, folder: string): Readonly<Record<string, string>> {
  const { status, stderr } = prepare(folder)
  t.is(status, 0, stderr)
  const paths = ROLES.flatMap((role) => readdirSync(join(folder, role)).map((name) => `${role}/${name}`))
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(folder, path), 'utf8')]))
}

test('each role gets the secrets that it needs and no other, and roles that share one get the same', (t) => {
  const made = prepared(t, volumes(t))
  t.deepEqual(Object.keys(made), [
    'balancer-tls/ADMIN_TOKEN',
    'balancer-tls/AFFINITY_KEYS',
    'balancer-tls/certificate.pem',
    'balancer-tls/private-key.pem',
    'balancer/ADMIN_TOKEN',
    'balancer/AFFINITY_KEYS',
    'lab/ADMIN_TOKEN',
    'lab/CONTROL_TOKEN',
    'lab/LAB_SECRET',
    'node/LAB_SECRET',
    'node/MESH_SECRET',
    'node/SESSION_KEYS',
    'prometheus/ADMIN_TOKEN',
  ])
  const secrets = Object.entries(made).filter(([path]) => !path.endsWith('.pem'))
  for (const [path, text] of secrets) t.regex(text, /^[\w-]{43}\n$/, path)
  const byName = Map.groupBy(secrets, ([path]) => path.split('/')[1])
  for (const [name, readings] of byName) t.is(new Set(readings.map(([, text]) => text)).size, 1, name)
  t.is(new Set(secrets.map(([, text]) => text)).size, byName.size)
})

test('what was made at the first start is kept at the next, and what is missing is made again', (t) => {
  const folder = volumes(t)
  const first = prepared(t, folder)
  for (const path of ['node/SESSION_KEYS', 'lab/ADMIN_TOKEN', 'balancer-tls/private-key.pem'])
    t.is(statSync(join(folder, path)).mode & 0o777, 0o600, path)
  // Prometheus is a user of its own.
  t.is(statSync(join(folder, 'prometheus/ADMIN_TOKEN')).mode & 0o777, 0o644)
  t.deepEqual(prepared(t, folder), first)

  // A role whose volume was removed gets what the others still have.
  for (const path of ['balancer/ADMIN_TOKEN', 'balancer/AFFINITY_KEYS', 'node/LAB_SECRET']) rmSync(join(folder, path))
  t.deepEqual(prepared(t, folder), first)

  rmSync(join(folder, 'balancer-tls/private-key.pem'))
  const again = prepared(t, folder)
  t.is(again['node/SESSION_KEYS'], first['node/SESSION_KEYS'])
  t.not(again['balancer-tls/certificate.pem'], first['balancer-tls/certificate.pem'])
})

test('a client that trusts the certificate connects to each of its names, and to no other', async (t) => {
  const { certificate, privateKey } = selfSigned(['localhost', 'balancer', '127.0.0.1'])
  const read = new X509Certificate(certificate)
  t.true(read.checkIssued(read) && read.verify(read.publicKey))
  t.regex(read.subjectAltName ?? '', /DNS:localhost, DNS:balancer, IP Address:127\.0\.0\.1/)
  const server = createServer({ cert: certificate, key: privateKey }, (_request, response) => response.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const statusAt = async (servername: string): Promise<number | undefined> => {
    const request = ask({ host: '127.0.0.1', port, servername, ca: certificate, agent: false })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return response.resume().statusCode
  }
  t.is(await statusAt('localhost'), 200)
  t.is(await statusAt('balancer'), 200)
  await t.throwsAsync(statusAt('example.com'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('a certificate is due two months before it runs out, also where its end is after 2049', (t) => {
  for (const nowMs of [Date.now(), Date.UTC(2051, 1, 1)]) {
    const { certificate } = selfSigned(['localhost'], nowMs)
    t.false(isDue(certificate, nowMs + 300 * DAY_MS))
    t.true(isDue(certificate, nowMs + 310 * DAY_MS))
  }
})

test('a strategy that does not exist is refused with the ones that do, and nothing is made', (t) => {
  const folder = volumes(t)
  for (const strategy of ['redsi', '', '../redis']) {
    const { status, stderr } = prepare(folder, strategy)
    t.is(status, 2)
    t.regex(stderr, /it takes one of: cluster clustered .* token\. For example: STRATEGY=redis docker compose up\n$/)
  }
  for (const role of ROLES) t.deepEqual(readdirSync(join(folder, role)), [], role)
})
