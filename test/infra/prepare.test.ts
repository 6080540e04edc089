/** What compose makes at its first start: secrets, and a certificate that a client can trust. */
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
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

const prepare = (folder: string, STRATEGY = 'redis') =>
  spawnSync(process.execPath, [program, folder], { encoding: 'utf8', env: { STRATEGY } })

function prepared(t: ExecutionContext, folder: string): readonly (readonly [name: string, text: string])[] {
  const { status, stderr } = prepare(folder)
  t.is(status, 0, stderr)
  return readdirSync(folder)
    .sort()
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const)
}

test('secrets and a certificate are made at the first start, kept at the next, and what is missing is made again', (t) => {
  const folder = scratch(t)
  const first = prepared(t, folder)
  t.deepEqual(
    first.map(([name]) => name),
    [
      'ADMIN_TOKEN',
      'AFFINITY_KEYS',
      'CONTROL_TOKEN',
      'LAB_SECRET',
      'MESH_SECRET',
      'SESSION_KEYS',
      'certificate.pem',
      'private-key.pem',
    ],
  )
  for (const [name, text] of first.slice(0, 6)) t.regex(text, /^[\w-]{43}\n$/, name)
  t.is(new Set(first.map(([, text]) => text)).size, 8)
  for (const name of ['SESSION_KEYS', 'private-key.pem']) t.is(statSync(join(folder, name)).mode & 0o777, 0o600, name)
  t.deepEqual(prepared(t, folder), first)

  rmSync(join(folder, 'private-key.pem'))
  const again = new Map(prepared(t, folder))
  t.is(again.get('SESSION_KEYS'), first[5]?.[1])
  t.not(again.get('certificate.pem'), first[6]?.[1])
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
  const folder = scratch(t)
  for (const strategy of ['redsi', '', '../redis']) {
    const { status, stderr } = prepare(folder, strategy)
    t.is(status, 2)
    t.regex(stderr, /it takes one of: cluster clustered .* token\. For example: STRATEGY=redis docker compose up\n$/)
  }
  t.deepEqual(readdirSync(folder), [])
})
