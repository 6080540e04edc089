/**
 * Requests that are almost right, over raw sockets, through a balancer to a node that writes down what it sees. However the balancer
 * understands them: what it sends on leaves no doubt about where a request ends, each was counted and given its id here, each
 * answer is that to its own request, and in the end nothing is left: no request under way, no socket, no memory.
 *
 * FUZZ_SEED=<seed> replays a run; conversation(seed, number) is all that a connection does.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import type { Balancing } from '../fixtures/balancing.ts'
import { ask } from '../fixtures/requests/client.ts'
import { fuzzSettings } from '../fixtures/requests/fuzz-settings.ts'
import { conversation } from '../fixtures/requests/mutated-requests.ts'
import type { Conversation } from '../fixtures/requests/mutated-requests.ts'
import { recordingNode } from '../fixtures/nodes/recording-node.ts'
import { until } from '../fixtures/until.ts'

const AT_ONCE = 12
const BATCH = 240
/** Far more than any conversation may take with the bounds below, on a machine that does other things as well. */
const HANG_MS = 30_000
const HEAP_GROWTH_MAX_BYTES = 24 * 1_024 * 1_024
const AFTERWARDS_MS = 90_000

const BOUNDS = {
  LOG_LEVEL: 'silent',
  DRAIN_MS: '60000',
  CLIENT_HALF_CLOSED_MS: '2000',
  CLIENT_HEADERS_TIMEOUT_MS: '3000',
  CLIENT_REQUEST_TIMEOUT_MS: '3000',
}

/** Resolves with all that came back, once the connection is closed. */
async function converse(port: number, { pieces, ending }: Conversation): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let received = ''
  const closed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`still open after ${HANG_MS} ms`)), HANG_MS)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  socket.on('data', (piece) => (received += piece.toString('latin1')))
  socket.on('error', () => 'a reset is one way to be closed')
  socket.on('end', () => socket.end())
  for (const piece of pieces) {
    if (socket.writable) socket.write(piece)
    await turn()
  }
  if (ending === 'half-close') socket.end()
  else if (ending === 'reset') socket.resetAndDestroy()
  else socket.destroy()
  await closed
  socket.destroy()
  return received
}

const ANSWER = /HTTP\/1\.1 200 OK\r\n((?:.+\r\n)*)\r\n(?:\{"id":"(.+?)"\})?/g

/** The ids by which a client was answered; throws where an answer belongs to another request. */
function answered(received: string): string[] {
  return [...received.matchAll(ANSWER)].map(([whole, header = '', body]) => {
    const id = /^X-Request-Id: (.+)\r$/m.exec(header)?.[1]
    if (id === undefined || (body !== undefined && body !== id)) throw new Error(`not its own answer: ${whole}`)
    return id
  })
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
}

/** Nothing is under way at any upstream. */
async function idle({ adminUrl }: Balancing): Promise<boolean> {
  const { upstreams } = JSON.parse((await ask(`${adminUrl}/upstreams`)).body.toString()) as {
    upstreams: readonly { inFlight: number; tunnels: number }[]
  }
  return upstreams.every(({ inFlight, tunnels }) => inFlight === 0 && tunnels === 0)
}

/** By outcome. */
async function attempts({ adminUrl }: Balancing): Promise<Record<string, number>> {
  const text = (await ask(`${adminUrl}/metrics`)).body.toString()
  const lines = text.matchAll(/^ninelives_balancer_attempts_total\{.*outcome="([\w-]+)".*\} (\d+)$/gm)
  return Object.fromEntries([...lines].map(([, outcome, count]) => [outcome ?? '', Number(count)]))
}

test('no crash, no hang, no leak, and never a doubt where a request ends', async (t) => {
  const { durationMs, seed } = fuzzSettings()
  t.timeout(durationMs + AFTERWARDS_MS)
  t.log(`FUZZ_SEED=${seed}`)
  const warnings: string[] = []
  process.on('warning', ({ message }) => warnings.push(message))
  const node = await recordingNode(t)
  const running = await balancing(t, { a: node.port }, BOUNDS)
  const endsAtMs = performance.now() + durationMs
  const ids = { answered: 0, seen: 0 }
  let number = 0
  let heapBefore: number | undefined

  async function batch(): Promise<void> {
    const own: string[] = []
    const last = number + BATCH
    const worker = async () => {
      while (number < last) {
        const mine = number++
        const received = await converse(running.port, conversation(seed, mine)).catch((error: unknown) => {
          throw new Error(`conversation ${mine} of seed ${seed}`, { cause: error })
        })
        own.push(...answered(received))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    await until(() => idle(running), { what: 'nothing to be under way' })
    const { canonical, parsed, faults } = node.take()
    const where = `in conversations ${last - BATCH} to ${last} of seed ${seed}`
    t.deepEqual(faults, [], where)
    t.deepEqual(parsed, canonical, where)
    const seen = new Set(canonical.map(({ id }) => id))
    t.is(seen.size, canonical.length, `an id came twice ${where}`)
    t.true(
      canonical.every(({ id = '' }) => /^[\da-f]{8}-[\da-f-]{27}$/.test(id)),
      `not of the balancer's making ${where}`,
    )
    ids.answered += own.length
    ids.seen += seen.size
  }

  while (performance.now() < endsAtMs) {
    await batch()
    heapBefore ??= heapBytes()
  }
  t.log(`${number} conversations, ${ids.seen} requests reached the node, ${ids.answered} were answered`)
  t.true(ids.answered > number / 10, 'too few got through for this to mean anything')
  const counted = await attempts(running)
  const sum = Object.values(counted).reduce((total, count) => total + count, 0)
  t.true(ids.seen <= sum, `${ids.seen} seen, ${JSON.stringify(counted)}`)
  t.true(ids.seen >= ids.answered, `${ids.seen} seen, ${ids.answered} answered`)
  t.true(heapBytes() - (heapBefore ?? 0) < HEAP_GROWTH_MAX_BYTES, 'the heap grew')
  t.deepEqual(warnings, [])
  await running.close()
  await until(() => openSockets() === 0, { what: 'every socket to be closed' })
})
