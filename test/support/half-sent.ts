/** A POST whose body comes in two halves: the node has begun it, and can't end it before it is told to. */
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Long enough for the first half to arrive and the session to be read. */
const UNDER_WAY_MS = 300

export interface HalfSent {
  /** Sends the rest, and resolves the status that it is answered with. */
  finish(): Promise<number>
}

export async function halfSent(url: string, cookie: string, path: string, body: string): Promise<HalfSent> {
  const outgoing = request(url + path, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  })
  const half = Math.floor(body.length / 2)
  outgoing.write(body.slice(0, half))
  await sleep(UNDER_WAY_MS)
  return {
    async finish() {
      const answered = once(outgoing, 'response')
      outgoing.end(body.slice(half))
      const [answer] = (await answered) as [IncomingMessage]
      answer.resume()
      return answer.statusCode ?? 0
    },
  }
}
