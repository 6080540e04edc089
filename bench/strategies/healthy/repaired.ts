/**
 * autocannon's reconnect, repaired. As it comes, a connection that is lost leaves its request in the queue, so that every later
 * answer is taken for an earlier one's; an answer that was cut off stays in the parser; a FIN without an answer is nobody's
 * loss; and a refused connection is tried again at once, without end. Here the request under way is told to be lost, queue,
 * parser and socket begin anew, and the next connection is made when there is something to send.
 */
import { type AutocannonClient, originals } from './autocannon-client.ts'

/** What became of the request under way. */
export type Loss =
  /** No connection: it never left. */
  | { readonly end: 'unsent'; readonly kind: string }
  /** It left, or part of it did, and no whole answer came. */
  | { readonly end: 'broken'; readonly kind: string }

export interface Repaired {
  /** Sends what autocannon's next request is, over the connection that there is, or a new one. */
  send(): void
}

/** To be called in `setupClient`. `lost` is told of each request that gets no answer, and of nothing else. */
export function repairReconnect(client: AutocannonClient, lost: (loss: Loss) => void): Repaired {
  const original = originals(client)
  const sendNow = (): void => original._doRequest.call(client)
  const parse = client.parser.execute.bind(client.parser)
  let lastError: NodeJS.ErrnoException | undefined
  client.on('connError', (error) => (lastError = error))

  function drop(loss: Loss): void {
    const isUnderWay = client.pipelinedRequests.size() > 0
    if (client.conn !== undefined) original._destroyConnection.call(client)
    delete client.conn
    lastError = undefined
    client.parser.reinitialize('RESPONSE')
    if (isUnderWay) lost(loss)
  }

  client.parser.execute = (chunk) => {
    const result = parse(chunk)
    // The parser stays where it failed, and whatever comes after that fails as well.
    if (result instanceof Error) drop({ end: 'broken', kind: 'not HTTP' })
    return result
  }
  let isLast = false
  client.on('headers', ({ shouldKeepAlive }) => (isLast = !shouldKeepAlive))
  client.on('response', () => {
    // What is sent over a connection that the other side is closing gets lost.
    if (isLast) drop({ end: 'broken', kind: 'closed' })
  })
  // After a time-out, and at the end.
  client._destroyConnection = () => drop({ end: 'broken', kind: 'timeout' })
  client._connect = () => drop(lossBy(lastError))
  client._doRequest = () => undefined
  return {
    send() {
      if (client.conn !== undefined) return sendNow()
      client._doRequest = sendNow
      original._connect.call(client)
      client._doRequest = () => undefined
    },
  }
}

function lossBy(error: NodeJS.ErrnoException | undefined): Loss {
  if (error === undefined) return { end: 'broken', kind: 'cut off' }
  return { end: error.syscall === 'connect' ? 'unsent' : 'broken', kind: error.code ?? error.message }
}
