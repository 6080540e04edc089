/**
 * A node that answers almost right: whatever comes from it, a client gets one answer whose end is beyond doubt, or one that
 * visibly broke off, and never a second one; and nothing crashes, hangs or is left over.
 *
 * FUZZ_SEED=<seed> replays a run; mutatedAnswer(seed, number) is what the node says to request /number.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Socket } from 'node:net'
import test from 'ava'
import { balancing } from '../fixtures/balancing.ts'
import { fuzzSettings } from '../fixtures/requests/fuzz-settings.ts'
import { mutatedAnswer } from '../fixtures/requests/mutated-requests.ts'
import { rawClient, rawServer } from '../fixtures/requests/raw.ts'

/** The other fuzz has the rest of the time. */
const PART = 4
const AT_ONCE = 8
const AFTERWARDS_MS = 90_000

const HEAD = /^HTTP\/1\.1 ([1-9]\d\d) [\t\u0020-\u007e\u0080-\u00ff]*\r\n((?:[^\r\n:\0 ]+: ?[^\r\n\0]*\r\n)*)\r\n/

/** Throws where the text is anything but one answer, whole or broken off. */
function endOf(received: string): 'none' | 'whole' | 'broken' {
  if (received === '') return 'none'
  const [head, status = '', fields = ''] = HEAD.exec(received) ?? []
  if (head === undefined) throw new Error(`no answer: ${JSON.stringify(received)}`)
  const body = received.slice(head.length)
  const lengths = [...fields.matchAll(/^content-length: *(.*)\r$/gim)].map(([, value]) => value)
  const chunked = /^transfer-encoding: chunked\r$/im.test(fields)
  if (lengths.length + Number(chunked) > 1) throw new Error(`framed twice: ${JSON.stringify(received)}`)
  if (status === '204' || status === '304') return endsWith(body, 0, received)
  if (chunked) return body.endsWith('0\r\n\r\n') ? 'whole' : 'broken'
  return lengths[0] === undefined ? 'whole' : endsWith(body, Number(lengths[0]), received)
}

function endsWith(body: string, length: number, received: string): 'whole' | 'broken' {
  if (body.length > length) throw new Error(`more than an answer: ${JSON.stringify(received)}`)
  return body.length === length ? 'whole' : 'broken'
}

test('whatever a node answers, its client gets one answer or none', async (t) => {
  const { durationMs, seed } = fuzzSettings()
  t.timeout(durationMs + AFTERWARDS_MS)
  t.log(`FUZZ_SEED=${seed}`)
  const node = await rawServer(t, (socket, received) => {
    const number = /^GET \/(\d+) [^]*\r\n\r\n$/.exec(received)?.[1]
    if (number !== undefined) void say(socket, mutatedAnswer(seed, Number(number)))
  })
  const bounds = { LOG_LEVEL: 'silent', ANSWER_IDLE_MS: '2000', DRAIN_MS: '3600000' }
  const running = await balancing(t, { a: node.port }, bounds)
  const endsAtMs = performance.now() + durationMs / PART
  const ends = { none: 0, whole: 0, broken: 0 }
  let number = 0
  const worker = async () => {
    while (performance.now() < endsAtMs) {
      const mine = number++
      const client = await rawClient(t, running.port)
      client.send(`GET /${mine} HTTP/1.1`, 'Host: a', 'Connection: close', '', '')
      const received = await client.closed
      ends[endOf(received)] += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  t.log(`${number} answers: ${JSON.stringify(ends)}`)
  t.true(ends.whole > number / 4, 'too few were whole for this to mean anything')
  // Were a request still taken for one under way, this would wait for it.
  await running.close()
})

async function say(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.writable) socket.write(piece)
    await turn()
  }
  socket.end()
}
