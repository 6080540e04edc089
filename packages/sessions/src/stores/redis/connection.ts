/**
 * A connection to one server, a Sentinel group or a Cluster, with the same rules for each:
 *
 * - No call waits longer than the timeout; without a connection a call is refused at once.
 * - A server that hangs keeps its socket open, which would hide that another server has become the primary. If a server stays
 *   silent after a call timed out, its connection is closed and the Sentinels are asked again; a Cluster is asked for its
 *   slots again.
 * - The only error is StoreUnavailableError, and its cause contains no session data.
 */
import { Cluster, type Redis } from 'ioredis'
import { deadlineList } from '../../deadlines.ts'
import { StoreUnavailableError } from '../../errors.ts'
import { type RedisClient, redisClient, type RedisUse } from './client.ts'
import type { RedisAddress, RedisLocation } from './url.ts'

/** The message that ioredis uses for its own timeouts. */
const TIMED_OUT = 'Command timed out'

export interface RedisConnection {
  readonly client: RedisClient
  /** Hosts and ports for error messages, without secrets. */
  readonly address: string
  /** Resolves when ready; rejects with StoreUnavailableError after `boundMs`. It goes on trying to connect in either case. */
  open(boundMs: number): Promise<void>
  /** Runs `ask`, and resolves to its result; rejects only with StoreUnavailableError. */
  asked<T>(ask: (client: RedisClient) => Promise<T>): Promise<T>
  /** The primaries known now. */
  primaries(): readonly Redis[]
  close(): void
}

export function redisConnection(
  location: RedisLocation,
  timeoutMs: number,
  use: RedisUse = 'commands',
): RedisConnection {
  const client = redisClient(location, timeoutMs, use)
  const address = addressIn(location)
  let lastError: Error | undefined
  let opening: Promise<void> | undefined
  // Without a listener ioredis prints every failed reconnect. The last error becomes the cause of what callers get.
  for (const event of ['error', 'node error']) client.on(event, (error: Error) => (lastError = error))
  client.on('ready', () => (lastError = undefined))

  const onTimeout = client instanceof Cluster ? () => client.refreshSlotsCache() : reconnectIfSilent(client, timeoutMs)
  const primaries = () => (client instanceof Cluster ? client.nodes('master') : [client])
  const batch = writeBatching(primaries)
  const deadlines = deadlineList(timeoutMs, () => new Error(TIMED_OUT))
  const unavailable = (cause: unknown) =>
    new StoreUnavailableError(address, withoutCommand(client.status === 'ready' ? cause : (lastError ?? cause)))
  const refuse = (cause: unknown): never => {
    if (client.status === 'ready' && isTimeout(cause)) onTimeout()
    throw unavailable(cause)
  }

  return {
    client,
    address,

    async open(boundMs) {
      opening ??= ready(client, boundMs).finally(() => (opening = undefined))
      await opening.catch((cause: unknown) => {
        throw unavailable(cause)
      })
    },

    asked(ask) {
      if (client.status !== 'ready') return Promise.reject(unavailable(new Error('not connected')))
      batch()
      return deadlines.within(ask(client)).catch(refuse)
    },

    primaries,

    close() {
      client.disconnect()
      deadlines.giveUp(() => new Error('the store was closed'))
    },
  }
}

/** Resolves when the client is ready. After the bound the client goes on trying to connect. */
function ready(client: RedisClient, boundMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const deadline = setTimeout(() => reject(new Error(`not connected after ${boundMs} ms`)), boundMs)
  client.once('ready', resolve)
  // The client emits the same failure as an 'error' event, and tries again.
  if (client.status === 'wait') client.connect().catch(() => {})
  return promise.finally(() => {
    clearTimeout(deadline)
    client.off('ready', resolve)
  })
}

/**
 * Call the result before each command: commands of one turn of the event loop then leave in one system call, which halves the
 * CPU time of a command on a busy node. A command that comes alone leaves at once. ioredis' auto-pipelining was measured and
 * rejected: it saves less, costs a lone command half as much again, and makes commands wait, without their timeout, for the
 * answers to earlier ones.
 */
function writeBatching(primaries: () => readonly Redis[]): () => void {
  let corked: Redis['stream'][] = []
  let commands = 0
  let alone = true
  const release = () => {
    for (const stream of corked) stream.uncork()
    corked = []
    alone = commands === 1
  }
  return () => {
    commands++
    if (corked.length > 0) return
    commands = 1
    for (const { status, stream, commandQueue } of primaries()) {
      if (status === 'ready' && (!alone || commandQueue.length > 0)) corked.push(stream)
    }
    if (corked.length === 0) return
    for (const stream of corked) stream.cork()
    setImmediate(release)
  }
}

/** Call the result after each timeout: it reconnects if the server sends nothing for another `boundMs`. */
function reconnectIfSilent(client: Redis, boundMs: number): () => void {
  let watched: Redis['stream'] | undefined
  return () => {
    const { stream } = client
    if (watched === stream) return
    watched = stream
    const heardBytes = stream.bytesRead
    setTimeout(() => {
      watched = undefined
      const silent = client.stream === stream && stream.bytesRead === heardBytes
      if (silent && client.status === 'ready') client.disconnect(true)
    }, boundMs).unref()
  }
}

/** ioredis attaches the command to its error, and so a session's body or the password of a login: neither may be logged. */
function withoutCommand(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause
  if ('command' in cause) delete cause.command
  if ('lastNodeError' in cause) withoutCommand(cause.lastNodeError)
  return cause
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === TIMED_OUT
}

function addressIn({ topology, hosts, master }: RedisLocation): string {
  const at = hosts.map(({ host, port }: RedisAddress) => `${host}:${port}`).join(', ')
  if (topology === 'sentinel') return `redis '${master}', by the Sentinels at ${at}`
  return topology === 'cluster' ? `redis cluster at ${at}` : `redis at ${at}`
}
