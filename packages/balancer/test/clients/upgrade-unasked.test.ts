/**
 * Node before 22.21 and 24.9 makes an upgrade of every request that has the field, without asking the server. The servers of this file do
 * the same on any Node.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { httpServer } from '../fixtures/nodes/http-server.ts'
import { rawClient } from '../fixtures/requests/raw.ts'

subscribe('http.server.request.start', (message) => {
  Object.assign((message as { readonly server: Server }).server, { shouldUpgradeCallback: () => true })
})

/** A balancer that has answered a request before, and so upgrades unasked. */
async function upgradingUnasked(t: ExecutionContext) {
  const upgraded: unknown[] = []
  const { port: upstreamPort, server } = await httpServer(t, (request, response) => {
    if (request.url !== '/never') response.end('plain')
  })
  server.on('upgrade', (request, socket) => {
    upgraded.push(request)
    socket.destroy()
  })
  const { port, url } = await balancing(t, { a: upstreamPort })
  await ask(url)
  return { port, url, upgraded }
}

test('an upgrade to something other than WebSocket is answered with 501, and goes to no upstream', async (t) => {
  const { port, upgraded } = await upgradingUnasked(t)
  const client = await rawClient(t, port)
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: h2c', '', '')
  t.regex(await client.closed, /^HTTP\/1\.1 501 [^]*NOT_IMPLEMENTED/)
  t.is(upgraded.length, 0)
})

test('an upgrade behind an unanswered request ends its connection, and no other', async (t) => {
  const { port, url, upgraded } = await upgradingUnasked(t)
  const client = await rawClient(t, port)
  const upgrade = ['GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', '']
  client.send('GET /never HTTP/1.1', 'Host: a', '', ...upgrade)
  t.is(await client.closed, '')
  t.is(upgraded.length, 0)
  t.is((await ask(url)).status, 200)
})
