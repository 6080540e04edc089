/**
 * A connection to where the sessions are, and what it keeps to whatever that is:
 *
 * - No call waits longer than the timeout; while there is no connection it is refused at once.
 * - A server that hangs keeps its socket open, and so would hide that another has become the primary. One that stays silent
 *   after a call timed out loses its connection, and the Sentinels are asked again; a Cluster is asked for its slots again.
 * - What is refused is StoreUnavailableError, whose cause carries nothing of a session.
 */
import { Cluster, type Redis } from 'ioredis'
import { deadlineList } from '../../deadlines.ts'
import { StoreUnavailableError } from '../../errors.ts'
import { type RedisClient, redisClient } from './client.ts'
import type { RedisAddress, RedisLocation } from './url.ts'

/** As ioredis says it of the commands that it times itself. */
const TIMED_OUT = 'Command timed out'

export interface RedisConnection {
  readonly client: RedisClient
  /** For a person: hosts and ports, and nothing secret. */
  readonly address: string
  /** Whether it has been ready before; a connection that has been comes back by itself. */
  readonly opened: boolean
  /** Ready to serve, or rejects with StoreUnavailableError once the bound has passed. Keeps trying until then, and after. */
  open(boundMs: number): Promise<void>
  /** What `ask` resolves to; rejects only with StoreUnavailableError. */
  asked<T>(ask: (client: RedisClient) => Promise<T>): Promise<T>
  /** Every primary there is now. */
  primaries(): readonly Redis[]
  close(): void
}

export function redisConnection(location: RedisLocation, timeoutMs: number): RedisConnection {
  const client = redisClient(location, timeoutMs)
  const address = described(location)
  let lastError: Error | undefined
  let opened = false
  let opening: Promise<void> | undefined
  // Without a listener ioredis prints every failed reconnect; the last one is the cause that callers are told.
  for (const event of ['error', 'node error']) client.on(event, (error: Error) => (lastError = error))
  client.on('ready', () => {
    opened = true
    lastError = undefined
  })

  const doubt = client instanceof Cluster ? () => client.refreshSlotsCache() : silenceWatch(client, timeoutMs)
  const primaries = () => (client instanceof Cluster ? client.nodes('master') : [client])
  const gather = gathering(primaries)
  const deadlines = deadlineList(timeoutMs, () => new Error(TIMED_OUT))
  const unavailable = (cause: unknown) =>
    new StoreUnavailableError(address, discreet(client.status === 'ready' ? cause : (lastError ?? cause)))
  const refuse = (cause: unknown): never => {
    if (client.status === 'ready' && isTimeout(cause)) doubt()
    throw unavailable(cause)
  }

  return {
    client,
    address,
    get opened() {
      return opened
    },

    async open(boundMs) {
      opening ??= ready(client, boundMs).finally(() => (opening = undefined))
      await opening.catch((cause: unknown) => {
        throw unavailable(cause)
      })
    },

    asked(ask) {
      if (client.status !== 'ready') return Promise.reject(unavailable(new Error('not connected')))
      gather()
      return deadlines.within(ask(client)).catch(refuse)
    },

    primaries,

    close() {
      client.disconnect()
      deadlines.giveUp(() => new Error('the store was closed'))
    },
  }
}

/** Resolves when the client is ready, which it goes on trying to become. */
function ready(client: RedisClient, boundMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const deadline = setTimeout(() => reject(new Error(`not connected after ${boundMs} ms`)), boundMs)
  client.once('ready', resolve)
  // What goes wrong is emitted as an error as well, and tried again.
  if (client.status === 'wait') client.connect().catch(() => {})
  return promise.finally(() => {
    clearTimeout(deadline)
    client.off('ready', resolve)
  })
}

/**
 * To be called before a command: what is asked for in one turn of the event loop leaves in one system call, which halves the
 * processor time of a command on a busy node; a command that comes alone leaves at once. ioredis' own auto-pipelining was
 * measured and rejected: it saves less, costs a lone command half as much again, and has commands wait, without their
 * timeout, for the answers to the ones before.
 */
function gathering(primaries: () => readonly Redis[]): () => void {
  let gathered: Redis['stream'][] = []
  let together = 0
  let alone = true
  const release = () => {
    for (const stream of gathered) stream.uncork()
    gathered = []
    alone = together === 1
  }
  return () => {
    together++
    if (gathered.length > 0) return
    together = 1
    for (const { status, stream, commandQueue } of primaries()) {
      if (status === 'ready' && (!alone || commandQueue.length > 0)) gathered.push(stream)
    }
    if (gathered.length === 0) return
    for (const stream of gathered) stream.cork()
    setImmediate(release)
  }
}

/** To be told of each timeout: ends a connection that says nothing for as long again. */
function silenceWatch(client: Redis, boundMs: number): () => void {
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

/** ioredis hangs the command on its error, and with it a session's body, or the password of a login: not for a log. */
function discreet(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause
  if ('command' in cause) delete cause.command
  if ('lastNodeError' in cause) discreet(cause.lastNodeError)
  return cause
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === TIMED_OUT
}

function described({ topology, hosts, master }: RedisLocation): string {
  const at = hosts.map(({ host, port }: RedisAddress) => `${host}:${port}`).join(', ')
  if (topology === 'sentinel') return `redis '${master}', by the Sentinels at ${at}`
  return topology === 'cluster' ? `redis cluster at ${at}` : `redis at ${at}`
}
