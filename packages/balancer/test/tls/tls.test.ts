/** Clients that come by TLS: what is agreed on, the certificate and its successors, and the way there from plain HTTP. */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { request as openSecurely } from 'node:https'
import { connect as connectPlainly } from 'node:net'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { CertificateError } from '../../src/tls/certificates.ts'
import { balancing } from '../fixtures/balancing.ts'
import { certificateFolder, testCertificate } from '../fixtures/certificate.ts'
import { answerTo, ask } from '../fixtures/requests/client.ts'
import type { Answer } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { freePort, startBalancer, startNode } from '../fixtures/processes.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

async function askSecurely(
  url: string,
  cert: string,
  options: { method?: string; body?: Buffer } = {},
): Promise<Answer> {
  const request = openSecurely(url, { agent: false, ca: cert, ...options })
  const answer = answerTo(request)
  request.end(options.body)
  return answer
}

/** Resolves once the handshake is over; rejects when it fails. */
async function handshake(t: ExecutionContext, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ...options })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function presented(t: ExecutionContext, port: number): Promise<string> {
  const socket = await handshake(t, port, { rejectUnauthorized: false })
  return socket.getPeerCertificate().fingerprint256
}

async function secure(t: ExecutionContext, env: Readonly<Record<string, string>> = {}) {
  const upstream = await httpServer(t, (request, response) => void request.pipe(response))
  const pair = testCertificate()
  const folder = await certificateFolder(t, pair)
  const running = await balancing(t, { a: upstream.port }, { ...folder.env, TLS_CHECK_MS: '20', ...env })
  return { ...running, upstream, pair, folder }
}

test('requests go there and back, and the node is told how they came', async (t) => {
  const { url, upstream, pair } = await secure(t)
  t.regex(url, /^https:/)
  const body = Buffer.alloc(1_000_000, 'x')
  const answer = await askSecurely(url, pair.cert, { method: 'POST', body })
  t.is(answer.status, 200)
  t.true(answer.body.equals(body))
  t.is(answer.headers['strict-transport-security'], undefined)
  t.like(upstream.requests[0]?.headers, { 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' })
  t.regex(String(upstream.requests[0]?.headers.forwarded), /^for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=https$/)
})

test('a client that closes its sending side behind its request gets its answer', async (t) => {
  const { port, upstream } = await secure(t, { CLIENT_HALF_CLOSED_MS: '60000' })
  upstream.server.removeAllListeners('request').on('request', (request, response: ServerResponse) => {
    if (request.url === '/readyz') return void response.end()
    // Later than the end of the client's sending side.
    setTimeout(() => response.end('late'), 200)
  })
  const socket = await handshake(t, port, { rejectUnauthorized: false })
  socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let received = ''
  for await (const chunk of socket) received += String(chunk)
  t.regex(received, /^HTTP\/1\.1 200 [^]*late/)
})

test('HTTP/1.1 is agreed on, and a client that speaks only something else is told so', async (t) => {
  const { port } = await secure(t)
  const both = await handshake(t, port, { rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] })
  t.is(both.alpnProtocol, 'http/1.1')
  const none = await handshake(t, port, { rejectUnauthorized: false })
  t.is(none.alpnProtocol, false)
  await t.throwsAsync(handshake(t, port, { rejectUnauthorized: false, ALPNProtocols: ['h2'] }), {
    message: /no application protocol/,
  })
})

test('TLS before 1.2 is refused', async (t) => {
  const { port } = await secure(t)
  const old = {
    rejectUnauthorized: false,
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'ALL:@SECLEVEL=0',
  } as const
  await t.throwsAsync(handshake(t, port, old), { message: /protocol version|unsupported protocol/ })
})

test('HSTS is on every answer, those of the balancer itself included', async (t) => {
  const { url, upstream, pair } = await secure(t, { HSTS_MAX_AGE_S: '86400' })
  const hsts = async () => (await askSecurely(url, pair.cert)).headers['strict-transport-security']
  t.is(await hsts(), 'max-age=86400')
  upstream.server.close()
  upstream.server.closeAllConnections()
  await until(async () => (await askSecurely(url, pair.cert)).status === 503, { what: 'no upstream to be up' })
  t.is(await hsts(), 'max-age=86400')
})

test('a WebSocket comes by TLS as well', async (t) => {
  const { port, upstream } = await secure(t)
  upstream.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
    socket.on('error', () => socket.destroy())
  })
  const socket = await handshake(t, port, { rejectUnauthorized: false })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.regex(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 /)
  socket.write('there and back')
  t.is(String((await once(socket, 'data'))[0]), 'there and back')
})

test('an answer to HTTP/1.0 that breaks off ends its connection, and no other', async (t) => {
  const { port, url, upstream, pair } = await secure(t)
  upstream.server.removeAllListeners('request')
  upstream.server.on('request', (request, response) => {
    if (request.url !== '/half') return void response.end()
    response.write('half')
    setTimeout(() => request.socket.destroy(), 20)
  })
  const socket = await handshake(t, port, { rejectUnauthorized: false })
  socket.on('error', () => 'a reset is as good').resume()
  socket.write('GET /half HTTP/1.0\r\n\r\n')
  await once(socket, 'close')
  t.is((await askSecurely(url, pair.cert)).status, 200)
})

test('a connection that is no TLS, breaks off or says nothing is closed, and no other', async (t) => {
  const { port, url, pair } = await secure(t, { CLIENT_HEADERS_TIMEOUT_MS: '6000' })
  const plain = await rawClient(t, port)
  plain.send('GET / HTTP/1.1', 'Host: a', '', '')
  await plain.closed
  const half = await rawClient(t, port)
  half.socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  half.socket.resetAndDestroy()
  await half.closed
  const silent = await rawClient(t, port)
  await silent.closed
  t.is((await askSecurely(url, pair.cert)).status, 200)
})

test('a new certificate is used from the next connection on, and those that stand go on', async (t) => {
  const { port, pair, folder, lines } = await secure(t)
  const standing = await handshake(t, port, { ca: pair.cert })
  t.is(await presented(t, port), pair.fingerprint)
  const next = testCertificate()
  await folder.write(next)
  await until(async () => (await presented(t, port)) === next.fingerprint, { what: 'the new certificate' })
  standing.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.regex(String((await once(standing, 'data'))[0]), /^HTTP\/1\.1 200 /)
  t.true(lines.some((line) => line.event === 'certificate-used' && line['fingerprint'] === next.fingerprint))
})

const kept = test.macro({
  async exec(t, change: (folder: { certPath: string; keyPath: string }) => Promise<void>, reason: RegExp) {
    const { port, pair, folder, lines } = await secure(t)
    await change(folder)
    const said = () => lines.find((line) => line.event === 'certificate-kept' && reason.test(String(line['reason'])))
    await until(() => said() !== undefined, { what: 'it to say so' })
    t.is(said()?.['fingerprint'], pair.fingerprint)
    t.is(await presented(t, port), pair.fingerprint)
    const next = testCertificate()
    await folder.write(next)
    await until(async () => (await presented(t, port)) === next.fingerprint, { what: 'the next one to be used' })
  },
  title: (what = '') => `the certificate in use stays when the new one ${what}`,
})

test('is none', kept, ({ certPath }) => writeFile(certPath, 'nonsense'), /cert\.pem/)
test('does not fit its key', kept, ({ certPath }) => writeFile(certPath, testCertificate().cert), /key values mismatch/)
test(
  'has run out',
  kept,
  async ({ certPath, keyPath }) => {
    const old = testCertificate('localhost', new Date(Date.now() - 60_000))
    await writeFile(keyPath, old.key)
    await writeFile(certPath, old.cert)
  },
  /was valid until/,
)

function expiry(cert: string): string {
  return `expiry_timestamp_seconds ${new X509Certificate(cert).validToDate.getTime() / 1_000}`
}

test('when the certificate runs out, or the first of its chain, is a metric, and so is one that was not taken', async (t) => {
  const { adminUrl, pair, folder } = await secure(t)
  const shows = async (line: string) =>
    (await ask(`${adminUrl}/metrics`)).body.toString().includes(`ninelives_balancer_certificate_${line}\n`)
  t.true(await shows(expiry(pair.cert)))
  const sooner = testCertificate('issuer', new Date(Date.now() + 3_600_000))
  const next = testCertificate()
  await folder.write({ cert: next.cert + sooner.cert, key: next.key })
  await until(() => shows(expiry(sooner.cert)), { what: 'the chain to be used' })
  const refusals = async () =>
    Number(/reads_total\{outcome="kept"\} (\d+)/.exec((await ask(`${adminUrl}/metrics`)).body.toString())?.[1] ?? 0)
  // One, if it was read when only one of its files had been written.
  const before = await refusals()
  await writeFile(folder.certPath, 'nonsense')
  await until(async () => (await refusals()) > before, { what: 'the refusal to be counted' })
  t.true(await shows(expiry(sooner.cert)))
})

test('without a certificate there is no metric of one', async (t) => {
  const { adminUrl } = await balancing(t, { a: await freePort() })
  t.false((await ask(`${adminUrl}/metrics`)).body.includes('certificate_expiry'))
})

test('SIGHUP has the certificate read at once, and a bad one is kept out', async (t) => {
  const pair = testCertificate()
  const folder = await certificateFolder(t, pair)
  const env = { PORT: '0', UPSTREAMS: 'a=http://127.0.0.1:1', ...folder.env, TLS_CHECK_MS: '3600000' }
  const balancer = startBalancer(t, env)
  const port = Number(new URL((await balancer.ready).url).port)
  await writeFile(folder.certPath, 'nonsense')
  balancer.child.kill('SIGHUP')
  await until(() => balancer.output.stdout.includes('"certificate-kept"'), { what: 'it to say so' })
  t.is(await presented(t, port), pair.fingerprint)
  const next = testCertificate()
  await folder.write(next)
  balancer.child.kill('SIGHUP')
  await until(async () => (await presented(t, port)) === next.fingerprint, { what: 'the new certificate' })
})

test('a certificate that can not be used: one line names the file, and no port is opened', async (t) => {
  const folder = await certificateFolder(t, testCertificate())
  await writeFile(folder.keyPath, testCertificate().key)
  await t.throwsAsync(balancing(t, { a: 1 }, folder.env), { instanceOf: CertificateError, message: /mismatch/ })
  const balancer = startBalancer(t, { UPSTREAMS: 'a=http://127.0.0.1:1', ...folder.env, TLS_KEY: '/nowhere/key.pem' })
  t.is(await balancer.exited, 1)
  t.is(balancer.output.stderr, "balancer: The certificate can't be used: /nowhere/key.pem: ENOENT.\n")
})

test('the process says both addresses', async (t) => {
  const node = await startNode(t, 'a')
  const pair = testCertificate()
  const { env } = await certificateFolder(t, pair)
  const balancer = startBalancer(t, { PORT: '0', REDIRECT_PORT: '0', UPSTREAMS: `a=${node.url}`, ...env })
  const { url, redirectUrl } = (await balancer.ready) as { url: string; redirectUrl?: string }
  t.is((await askSecurely(url, pair.cert)).status, 200)
  t.is((await ask(String(redirectUrl))).status, 308)
})

async function redirecting(t: ExecutionContext, env: Readonly<Record<string, string>> = {}) {
  const redirectPort = await freePort()
  const running = await secure(t, { REDIRECT_PORT: String(redirectPort), ...env })
  return { ...running, redirectPort }
}

test('plain HTTP is redirected to TLS, with the same method and body', async (t) => {
  const { port, redirectPort, upstream } = await redirecting(t, { PUBLIC_HOSTS: 'www.example,Shop.example' })
  const client = await rawClient(t, redirectPort)
  client.send('POST /cart?sku=1&x=%20 HTTP/1.1', 'Host: shop.example:80', 'Content-Length: 3', '', 'abc')
  const { input: answer } = await client.receives(/^HTTP\/1\.1 308 Permanent Redirect\r\n[^]*\r\n\r\n/)
  t.true(answer.includes(`\r\nLocation: https://shop.example:${port}/cart?sku=1&x=%20\r\n`), answer)
  t.is(upstream.requests.length, 0)
})

test('a client that asks over plain HTTP whether to send a body is not told to continue', async (t) => {
  const { redirectPort } = await redirecting(t)
  const client = await rawClient(t, redirectPort)
  client.send('POST / HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 3', '', '')
  t.notRegex((await client.receives(/^HTTP\/1\.1 \d+ [^]*\r\n\r\n/)).input, / 100 /)
})

test('clients are redirected to the port that they know, and 443 is left out', async (t) => {
  const { redirectPort } = await redirecting(t, { PUBLIC_PORT: '443', PUBLIC_HOSTS: '[::1]' })
  const { status, headers } = await ask(`http://127.0.0.1:${redirectPort}/a`, { headers: { host: '[::1]:8080' } })
  t.is(status, 308)
  t.is(headers.location, 'https://[::1]/a')
})

test('only names of the certificate are redirected to, unless others are configured', async (t) => {
  const { port, redirectPort } = await redirecting(t)
  const to = async (host: string) =>
    (await ask(`http://127.0.0.1:${redirectPort}/a`, { headers: { host } })).headers.location
  t.is(await to('LocalHost.:80'), `https://LocalHost.:${port}/a`)
  t.is(await to('127.0.0.1'), `https://127.0.0.1:${port}/a`)
  for (const host of ['evil.example', '127.0.0.2', '[::1]', 'localhost.evil.example']) t.is(await to(host), undefined)
  const configured = await redirecting(t, { PUBLIC_HOSTS: 'shop.example' })
  const client = await rawClient(t, configured.redirectPort)
  client.send('GET http://evil.example/ HTTP/1.1', 'Host: shop.example', '', '')
  t.regex(await client.closed, /^HTTP\/1\.1 421 [^]*MISDIRECTED_REQUEST/)
})

test('a request that can not be understood is not redirected', async (t) => {
  const { redirectPort } = await redirecting(t)
  for (const lines of [
    ['GET / HTTP/1.1'],
    ['GET / HTTP/1.1', 'Host: a/b'],
    ['GET / HTTP/1.1', 'Host: a', 'Host: b'],
    ['GET / HTTP/1.0'],
    ['OPTIONS * HTTP/1.1', 'Host: a'],
    ['GET / HTTP/1.1', 'Host: a', ' folded'],
    ['no HTTP'],
  ]) {
    const client = await rawClient(t, redirectPort)
    client.send(...lines, '', '')
    t.regex(await client.closed, /^HTTP\/1\.1 400 [^]*BAD_REQUEST/)
  }
  const junk = connectPlainly(redirectPort, '127.0.0.1').on('error', () => 'a reset will do')
  junk.end(Buffer.from([0x16, 0x03, 0x01]))
  await once(junk.resume(), 'close')
  t.is((await ask(`http://127.0.0.1:${redirectPort}`)).status, 308)
})
