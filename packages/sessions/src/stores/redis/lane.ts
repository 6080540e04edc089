/**
 * Sends scripts to one server, with a WAIT for their replicas. WAIT blocks the connection, so scripts that come meanwhile are
 * queued and then sent together, with one WAIT for all of them. However many scripts there are, each is answered after two
 * waits at most, also when a replica is missing.
 *
 * Rejected: a WAIT after each script. With a replica missing, fifty changes would take fifty waits in a row, and all but the
 * first few would time out as if the server hung.
 */
import type { Callback, ChainableCommander, Redis } from 'ioredis'
import type { RedisScript, ScriptArguments, ScriptReply } from './scripts.ts'

export interface ScriptCommand {
  readonly script: RedisScript
  readonly key: string
  readonly args: ScriptArguments
}

/** `inFull`: as EVAL, because the server does not know the script. `asking`: with ASKING, because the slot is moving there. */
export interface SendAs {
  readonly inFull: boolean
  readonly asking: boolean
}

export interface Acknowledged {
  readonly reply: ScriptReply
  /** How many replicas had the change in time; 0 if the script changed nothing. */
  readonly replicas: number
  /** How many replicas are connected and not lagging. Known only if fewer had the change in time than were waited for. */
  readonly online: number | undefined
}

export interface ScriptLane {
  /** With `replicasWanted` 0 the script is sent at once, without a WAIT. */
  run(command: ScriptCommand, as: SendAs, replicasWanted: number): Promise<Acknowledged>
}

interface Queued {
  readonly command: ScriptCommand
  readonly as: SendAs
  readonly replicasWanted: number
  readonly queuedAtMs: number
  readonly answered: PromiseWithResolvers<ScriptReply>
  readonly waited: PromiseWithResolvers<Copied>
}

type Copied = Pick<Acknowledged, 'replicas' | 'online'>

export interface LaneBounds {
  readonly waitMs: number
  /** After this time in the queue the caller has given up, and the script is not sent any more. */
  readonly queuedMaxMs: number
}

/** A replica reports every second; one that hangs stays connected for a minute. */
const LAG_MAX_S = 3
/** A server that hangs answers no script until its connection is closed. */
const QUEUED_MAX = 10_000
/** The statuses of a script that changed nothing, so that no copies are needed. */
const UNCHANGED: ReadonlySet<string> = new Set(['gone', 'conflict', 'held'])

export function scriptLane(server: Redis, { waitMs, queuedMaxMs }: LaneBounds): ScriptLane {
  let queue: Queued[] = []
  let isWaiting = false

  const send = async (): Promise<void> => {
    const oldestMs = performance.now() - queuedMaxMs
    const batch = queue.filter((each) => each.queuedAtMs >= oldestMs)
    for (const late of queue) if (late.queuedAtMs < oldestMs) reject(late, new Error('not sent in time'))
    queue = []
    if (batch.length === 0) return
    isWaiting = true
    try {
      const copied = await sentTogether(server, batch, waitMs)
      for (const { waited } of batch) waited.resolve(copied)
    } catch (error) {
      for (const each of batch) reject(each, error)
    } finally {
      isWaiting = false
      void send()
    }
  }

  return {
    async run(command, as, replicasWanted) {
      if (replicasWanted === 0) return { reply: await sendAlone(server, command, as), ...NOT_COPIED }
      if (queue.length >= QUEUED_MAX) throw new Error(`${QUEUED_MAX} changes wait for this server already`)
      const queued: Queued = {
        command,
        as,
        replicasWanted,
        queuedAtMs: performance.now(),
        answered: Promise.withResolvers(),
        waited: Promise.withResolvers(),
      }
      // It may reject while `answered` is awaited.
      queued.waited.promise.catch(() => {})
      queue.push(queued)
      if (!isWaiting) void send()
      const reply = await queued.answered.promise
      return { reply, ...(isUnchanged(reply) ? NOT_COPIED : await queued.waited.promise) }
    },
  }
}

const NOT_COPIED: Copied = { replicas: 0, online: undefined }

export function isUnchanged([status]: ScriptReply): boolean {
  return UNCHANGED.has(status)
}

/** Settles each script's `answered` as its reply comes, and resolves to the copies that all of them have. */
async function sentTogether(server: Redis, batch: readonly Queued[], waitMs: number): Promise<Copied> {
  const pipeline = server.pipeline()
  for (const { command, as, answered } of batch) {
    addScript(pipeline, command, as, (error, reply) =>
      error ? answered.reject(error) : answered.resolve(reply as ScriptReply),
    )
  }
  const wanted = Math.max(...batch.map(({ replicasWanted }) => replicasWanted))
  pipeline.wait(wanted, waitMs)
  const [failure, answer] = (await pipeline.exec())?.at(-1) ?? [new Error('no answer')]
  if (failure !== null) throw failure
  const replicas = answer as number
  return { replicas, online: replicas >= wanted ? undefined : await replicasOnline(server) }
}

/** Counts the replicas that are connected and reported lately: the others won't have a change soon. */
export async function replicasOnline(server: Redis): Promise<number> {
  const info = await server.info('replication')
  const lags = [...info.matchAll(/^slave\d+:.*state=online.*lag=(\d+)/gm)].map(([, lag]) => Number(lag))
  return lags.filter((lagS) => lagS <= LAG_MAX_S).length
}

function reject({ answered, waited }: Queued, error: unknown): void {
  answered.reject(error)
  waited.reject(error)
}

async function sendAlone(server: Redis, command: ScriptCommand, as: SendAs): Promise<ScriptReply> {
  const pipeline = server.pipeline()
  addScript(pipeline, command, as)
  const [failure, reply] = (await pipeline.exec())?.at(-1) ?? [new Error('no answer')]
  if (failure !== null) throw failure
  return reply as ScriptReply
}

function addScript(
  pipeline: ChainableCommander,
  { script, key, args }: ScriptCommand,
  { inFull, asking }: SendAs,
  onReply: Callback = () => {},
): void {
  if (asking) pipeline.asking()
  if (inFull) pipeline.eval(script.lua, 1, key, ...args, onReply)
  else pipeline.evalsha(script.sha, 1, key, ...args, onReply)
}
