/**
 * Scripts on their way to one server, each followed by a WAIT for its copies. Redis holds up a connection while it waits, so
 * what is asked for meanwhile is kept here and leaves together, with one WAIT for all of it. However many changes there are,
 * one that stands behind a missing replica is answered after two waits at most.
 *
 * Rejected: a WAIT behind each script. Fifty changes at a primary whose replica is gone then take fifty waits in a row, and
 * all but the first few time out, which looks like a server that hangs.
 */
import type { Redis } from 'ioredis'
import type { RedisScript, ScriptArguments, ScriptReply } from './scripts.ts'

export interface ScriptCommand {
  readonly script: RedisScript
  readonly key: string
  readonly args: ScriptArguments
}

/** How it is sent: as EVAL where the server has forgotten the script, with ASKING where a slot is on its way to this server. */
export interface SendAs {
  readonly inFull: boolean
  readonly asking: boolean
}

export interface Acknowledged {
  readonly reply: ScriptReply
  /** How many replicas had it in time. Not waited for where the script changed nothing. */
  readonly replicas: number
  /** How many are connected and answer; looked at where fewer had it in time than were waited for. */
  readonly online: number | undefined
}

export interface ScriptLane {
  /** `replicasWanted` 0 sends at once and waits for none. */
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
  /** What is kept here for longer was given up by its caller, and is not sent any more. */
  readonly queuedMaxMs: number
}

/** A replica says every second what it has; one that hangs stays connected for a minute. */
const LAG_MAX_S = 3
/** Of changes that are kept here. A server that hangs answers none, until its connection is given up. */
const QUEUED_MAX = 10_000
/** What a script says when it changed nothing, so that no copies are needed. */
const UNCHANGED: ReadonlySet<string> = new Set(['gone', 'conflict'])

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
      // Each may fail while the other is awaited.
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

/** Answers each as its own answer comes, and resolves what is known of their copies. */
async function sentTogether(server: Redis, batch: readonly Queued[], waitMs: number): Promise<Copied> {
  const pipeline = server.pipeline()
  for (const { command, as, answered } of batch) {
    const { script, key, args } = command
    const settle = (error: Error | null | undefined, reply: unknown) =>
      error ? answered.reject(error) : answered.resolve(reply as ScriptReply)
    if (as.asking) pipeline.asking()
    if (as.inFull) pipeline.eval(script.lua, 1, key, ...args, settle)
    else pipeline.evalsha(script.sha, 1, key, ...args, settle)
  }
  const wanted = Math.max(...batch.map(({ replicasWanted }) => replicasWanted))
  pipeline.wait(wanted, waitMs)
  const [failure, answer] = (await pipeline.exec())?.at(-1) ?? [new Error('no answer')]
  if (failure !== null) throw failure
  const replicas = answer as number
  return { replicas, online: replicas >= wanted ? undefined : await replicasOnline(server) }
}

/** Replicas that are connected and have said something lately: the others won't have a change soon. */
export async function replicasOnline(server: Redis): Promise<number> {
  const info = await server.info('replication')
  const lags = [...info.matchAll(/^slave\d+:.*state=online.*lag=(\d+)/gm)].map(([, lag]) => Number(lag))
  return lags.filter((lagS) => lagS <= LAG_MAX_S).length
}

function reject({ answered, waited }: Queued, error: unknown): void {
  answered.reject(error)
  waited.reject(error)
}

async function sendAlone(server: Redis, { script, key, args }: ScriptCommand, as: SendAs): Promise<ScriptReply> {
  if (as.asking) {
    const pipeline = server.pipeline().asking()
    if (as.inFull) pipeline.eval(script.lua, 1, key, ...args)
    else pipeline.evalsha(script.sha, 1, key, ...args)
    const [failure, reply] = (await pipeline.exec())?.at(-1) ?? [new Error('no answer')]
    if (failure !== null) throw failure
    return reply as ScriptReply
  }
  const reply = as.inFull ? server.eval(script.lua, 1, key, ...args) : server.evalsha(script.sha, 1, key, ...args)
  return (await reply) as ScriptReply
}
