/** The orders of a lab that did not start the node: only a genuine one is taken, once, and where it was sent. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { type LabMessage, signedLines } from '../../src/lab-port/signed-lines.ts'
import { until } from '../support/until.ts'

const SECRET = 'a secret of thirty-two characters'

const ignore = (): void => {}

interface Pair {
  readonly lab: Socket
  readonly node: Socket
  readonly taken: LabMessage[]
  readonly send: (message: LabMessage) => void
  /** What the lab's side has written so far. */
  readonly written: () => string
  readonly closed: Promise<unknown>
}

/** A lab that is connected to a node, with these secrets. */
async function pair(t: ExecutionContext, { ofLab = SECRET, nowMs = Date.now } = {}): Promise<Pair> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const lab = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [node] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    lab.destroy()
    node.destroy()
    server.close()
  })
  let written = ''
  const write = lab.write.bind(lab)
  lab.write = (...args: unknown[]) => {
    written += String(args[0])
    return (write as (...args: unknown[]) => boolean)(...args)
  }
  for (const socket of [lab, node]) socket.on('error', () => undefined)
  const taken: LabMessage[] = []
  const closed = once(node, 'close')
  signedLines(node, { side: 'node', secret: SECRET, onProven: ignore, onMessage: (message) => taken.push(message) })
  const { send } = signedLines(lab, { side: 'lab', secret: ofLab, onProven: ignore, onMessage: ignore }, nowMs)
  return { lab, node, taken, send, written: () => written, closed }
}

test('an order with the secret is taken, and so is the next', async (t) => {
  const { taken, send } = await pair(t)
  send({ type: 'signal', signal: 'SIGKILL' })
  send({ type: 'hello' })
  await until('both orders', () => (taken.length === 2 ? true : undefined))
  t.deepEqual(taken, [{ type: 'signal', signal: 'SIGKILL' }, { type: 'hello' }])
})

test('an order with another secret ends the connection, and is not taken', async (t) => {
  const { taken, send, closed } = await pair(t, { ofLab: 'another secret of thirty-two chars' })
  send({ type: 'signal', signal: 'SIGKILL' })
  await closed
  t.deepEqual(taken, [])
})

test('an order that is sent again, or changed on its way, ends the connection', async (t) => {
  for (const change of [(line: string) => line, (line: string) => line.replace('hello', 'hullo')]) {
    const { taken, send, written, lab, closed } = await pair(t)
    send({ type: 'hello' })
    await until('the order', () => (taken.length === 1 ? true : undefined))
    lab.write(`${change(written().trimEnd().split('\n').at(-1) ?? '')}\n`)
    await closed
    t.is(taken.length, 1)
  }
})

test('an order of one connection is none on another', async (t) => {
  const first = await pair(t)
  first.send({ type: 'hello' })
  await until('the order', () => (first.taken.length === 1 ? true : undefined))
  const second = await pair(t)
  second.lab.write(`${first.written().trimEnd().split('\n').at(-1) ?? ''}\n`)
  await second.closed
  t.deepEqual(second.taken, [])
})

test('an order that was held back for long ends the connection', async (t) => {
  const { taken, send, closed } = await pair(t, { nowMs: () => Date.now() - 60_000 })
  send({ type: 'hello' })
  await closed
  t.deepEqual(taken, [])
})

test('what is no line of a lab ends the connection', async (t) => {
  for (const junk of ['GET / HTTP/1.1\r\n', `${'0'.repeat(64)}\nnothing signed\n`, 'x'.repeat(70_000)]) {
    const { lab, taken, closed } = await pair(t)
    lab.write(junk)
    await closed
    t.deepEqual(taken, [])
  }
})
