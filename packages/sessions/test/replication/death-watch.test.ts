/** What proves that a process has ended, and what does not: a real process behind a relay, seen from another node. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { linkNode, type TestNode } from '../support/mesh/links.ts'
import { meshPort } from '../support/mesh/ports.ts'
import type { Answer, Order } from '../support/mesh/process.ts'
import { type MeshRelay, meshRelay } from '../support/mesh/relay.ts'
import { until } from '../support/until.ts'

const program = fileURLToPath(new URL('../support/mesh/process.ts', import.meta.url))
const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip

interface Pair {
  readonly a: TestNode
  /** The process of b, which a reaches through the relay only. */
  readonly b: ChildProcess
  readonly relay: MeshRelay
}

async function pair(t: ExecutionContext): Promise<Pair> {
  const [portOfA, portOfB] = [await meshPort(), await meshPort()]
  const relay = await meshRelay(t, portOfB)
  const url = (at: number): string => `replicated:?peers=a=127.0.0.1:${portOfA},b=127.0.0.1:${at}`
  const a = await linkNode(t, { url: `${url(relay.port)}&name=a` })
  const b = fork(program, [url(portOfB), 'b'])
  t.teardown(() => b.kill('SIGKILL'))
  let isTaken = false
  b.on('message', (answer: Answer) => (isTaken ||= 'message' in answer && answer.message.includes('EADDRINUSE')))
  b.send({ id: 1, verb: 'open', args: [] } satisfies Order)
  // In place of heartbeats, so that b does not take the link for dead.
  const talking = setInterval(() => a.send('b', { type: 'ack', view: 1, op: 0 }), 100)
  t.teardown(() => clearInterval(talking))
  await until('a link', () => isTaken || a.links.linked().includes('b'))
  return isTaken ? pair(t) : { a, b, relay }
}

const ended = (a: TestNode): boolean => a.events.includes('ended b')
const unlinked = (a: TestNode): Promise<void> => until('no link', () => a.events.includes('unlinked b'))

onLinux('a process that is killed has ended', async (t) => {
  const { a, b } = await pair(t)
  b.kill('SIGKILL')
  await until('the proof', () => ended(a))
  await unlinked(a)
  t.pass()
})

onLinux('a process whose port refuses lives, until it is killed', async (t) => {
  const { a, b, relay } = await pair(t)
  relay.cut('refuse')
  await unlinked(a)
  await until('the port to refuse', () => a.lines.some((line) => line.includes('ECONNREFUSED')))
  t.false(ended(a))
  b.kill('SIGKILL')
  await until('the proof', () => ended(a))
})

onLinux('a process that is cut off and linked again has not ended', async (t) => {
  const { a, relay } = await pair(t)
  relay.cut('reset')
  await unlinked(a)
  relay.mend()
  await until('a link', () => a.links.linked().includes('b'))
  t.false(ended(a))
})

onLinux('a process that is stopped lives, until it is killed', async (t) => {
  const { a, b, relay } = await pair(t)
  b.kill('SIGSTOP')
  relay.cut('refuse')
  await until('the port to refuse', () => a.lines.some((line) => line.includes('ECONNREFUSED')))
  t.false(ended(a))
  b.kill('SIGKILL')
  await until('the proof', () => ended(a))
})
