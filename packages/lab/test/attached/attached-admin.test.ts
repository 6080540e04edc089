/** The admin port of the balancer that a lab is attached to, as a server of the test. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { until } from '../../src/index.ts'
import { type Command, run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

async function attached(t: ExecutionContext, onRequest: RequestListener): Promise<Command & { admin: string }> {
  const server = createServer(onRequest).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const where = ['--nodes-url', 'a=http://127.0.0.1:9', '--balancer-admin', admin, '--control-port', '0']
  const environment = { LAB_SECRET: 'the secret of a lab for its tests', ADMIN_TOKEN: 'not this one' }
  return { ...run(t, ['attach', ...where, '--logs', scratch(t)], environment), admin }
}

test('a wrong token is told at once, with the address that refused it', async (t) => {
  const { exited, output, admin } = await attached(t, (_request, response) => response.writeHead(401).end())
  t.is(await exited, 2)
  t.true(output.stderr.includes(`the balancer's admin port at ${admin} refused the token`), output.stderr)
  t.regex(output.stderr, /ADMIN_TOKEN/)
})

test('the answer of another program does not end the lab', async (t) => {
  let asked = 0
  const command = await attached(t, (_request, response) => {
    asked++
    response.end('<html>')
  })
  const isOver = (): boolean => asked > 2 || command.process.exitCode !== null
  await until(isOver, { deadlineMs: 60_000, what: 'three looks' })
  t.is(command.process.exitCode, null, command.output.stderr)
})
