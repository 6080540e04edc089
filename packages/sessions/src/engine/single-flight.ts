/**
 * Runs a function once for a session, on the node that asks first; its result goes to all that ask meanwhile.
 *
 * Beside the session there is a record for each name, which the nodes change by compare-and-set. It is a lease:
 *
 *     running    one node has the lease, and renews it while the function runs: each renewal is another version
 *     done       with the result, which a request that asks soon after gets too; then the next may run
 *     failed     those that waited are told; the next may run
 *
 * A node that finds the same version for the length of a lease takes it over. It measures that by its own clock that never steps,
 * so no two nodes' clocks have to agree. A node that was paused for so long has lost its lease, and what its function returned
 * is discarded: such a function has run twice, and was told by its signal.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { EngineContext } from '../context/engine-context.ts'
import type { SessionKey } from '../contract.ts'
import {
  RecordUnreadableError,
  SingleFailedError,
  SingleNestedError,
  SingleTimeoutError,
  StoreUnavailableError,
} from '../errors.ts'
import { checkedOptions, type Rules, take } from '../options.ts'
import { assertFits, decodeData, encodeData } from '../record/data.ts'

export interface SingleOptions {
  /** After this without a sign of life of the node that runs the function, another one runs it. Default 3 seconds. */
  readonly leaseMs?: number
  /** How long the function may take, and how long a request waits for others. Default 15 seconds. */
  readonly timeoutMs?: number
  /** How long after its end a request still gets its result. Default 10 seconds. */
  readonly keepMs?: number
}

export interface SingleFlight<T> {
  readonly key: SessionKey
  /** For errors. */
  readonly name: string
  readonly run: (signal: AbortSignal) => T | Promise<T>
}

const DEFAULTS: Required<SingleOptions> = { leaseMs: 3_000, timeoutMs: 15_000, keepMs: 10_000 }
const RULES: Rules<SingleOptions> = {
  leaseMs: take.waitMs(300),
  timeoutMs: take.waitMs(1),
  keepMs: take.durationMs(0),
}
const RENEWALS_A_LEASE = 3
const POLL_MIN_MS = 10
const POLL_MAX_MS = 200
const FINISH_ATTEMPTS_MAX = 5
/** Of a failure, kept for those that wait. */
const MESSAGE_CHARS_MAX = 1_000
/** Records outlive what they are for by this, so that clocks that differ by less do not matter. */
const MARGIN_MS = 60_000

type Flight = { readonly owner: string } & (
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly doneAtMs: number; readonly result?: unknown }
  | { readonly state: 'failed'; readonly message: string }
)

interface Seen {
  /** 0 where there is no record. */
  readonly version: number
  readonly flight: Flight | undefined
}

/** A function that runs, and the one that called it. What it left behind in the background may ask for it again once it is over. */
interface Running {
  readonly key: SessionKey
  readonly within: Running | undefined
  isOver: boolean
}

const running = new AsyncLocalStorage<Running>()

function isWithin(key: SessionKey): boolean {
  for (let each = running.getStore(); each !== undefined; each = each.within)
    if (each.key === key && !each.isOver) return true
  return false
}

export async function singleFlight<T>(
  context: EngineContext,
  { key, name, run }: SingleFlight<T>,
  given: SingleOptions = {},
): Promise<T> {
  const { store, clock, random, onEvent } = context
  const { leaseMs, timeoutMs, keepMs } = { ...DEFAULTS, ...checkedOptions('session.single()', given, RULES) }
  if (isWithin(key)) throw new SingleNestedError(name)
  const owner = random(12).toString('base64url')
  const giveUpAtMs = performance.now() + timeoutMs
  /** The run that this request waits for. */
  let awaited: string | undefined
  let unchanged: { readonly version: number; sinceMs: number } | undefined

  for (let pollMs = POLL_MIN_MS; ; pollMs = Math.min(POLL_MAX_MS, 2 * pollMs)) {
    const seen = await read()
    const { flight, version } = seen
    // On either side, as another node's clock may be off: to run again is safer than a result that is too old.
    const isFresh = flight?.state === 'done' && Math.abs(clock.now() - flight.doneAtMs) < keepMs
    if (flight?.state === 'done' && (flight.owner === awaited || isFresh)) return flight.result as T
    if (flight?.state === 'failed' && flight.owner === awaited) throw new SingleFailedError(name, flight.message)
    if (flight?.state === 'running') {
      awaited = flight.owner
      if (unchanged?.version !== version) unchanged = { version, sinceMs: performance.now() }
    }
    const isLapsed = flight?.state === 'running' && performance.now() > (unchanged?.sinceMs ?? 0) + leaseMs
    if (flight?.state !== 'running' || isLapsed) {
      const lease = await write(version, { owner, state: 'running' })
      if (lease !== undefined) {
        if (isLapsed) onEvent({ event: 'single-taken-over' })
        const outcome = await lead(lease)
        if (outcome !== undefined) return outcome.result
      }
    } else await pause(pollMs)
    if (performance.now() > giveUpAtMs) throw new SingleTimeoutError(name, timeoutMs)
  }

  /** For as long as this process itself stood still, it can't tell whether the other did. */
  async function pause(ms: number): Promise<void> {
    const beganAtMs = performance.now()
    await sleep(ms)
    if (unchanged !== undefined) unchanged.sinceMs += performance.now() - beganAtMs - ms
  }

  async function read(): Promise<Seen> {
    const record = await store.read(key)
    return { version: record?.version ?? 0, flight: record && decode(record.body) }
  }

  /** Resolves to the new version; undefined if another request was faster. */
  async function write(expectedVersion: number, flight: Flight): Promise<number | undefined> {
    const lifeMs = MARGIN_MS + (flight.state === 'done' ? keepMs : timeoutMs + leaseMs)
    const body = encodeData(flight)
    const result = await store.write(key, { expectedVersion, expiresAtMs: clock.now() + lifeMs, body })
    if (result.status === 'written') return result.version
    if (result.status !== 'conflict') return undefined
    const { version } = result.current
    const there = decode(result.current.body)
    if (there.owner !== owner) return undefined
    // An earlier write of ours has arrived although it was not acknowledged: this one, or a renewal before it.
    return there.state === flight.state ? version : await write(version, flight)
  }

  /** Undefined if the lease was lost: the result is another's then. */
  async function lead(lease: number): Promise<{ readonly result: T } | undefined> {
    const lost = new AbortController()
    const over = new AbortController()
    const here: Running = { key, within: running.getStore(), isOver: false }
    let version = lease
    const renewing = renew()
    const late = setTimeout(() => lost.abort(new SingleTimeoutError(name, timeoutMs)), timeoutMs)
    try {
      const result = await running.run(here, () => untilAborted(run, lost.signal))
      assertFits({ result }, encodeData({ result }), context.dataBytesMax)
      return (await end({ owner, state: 'done', doneAtMs: clock.now(), result })) ? { result } : undefined
    } catch (error) {
      if (lost.signal.reason === LOST) return undefined
      await end({ owner, state: 'failed', message: messageOf(error) })
      throw error
    } finally {
      here.isOver = true
      clearTimeout(late)
    }

    async function renew(): Promise<void> {
      while (!over.signal.aborted) {
        await sleep(leaseMs / RENEWALS_A_LEASE, undefined, { signal: over.signal }).catch(() => undefined)
        if (over.signal.aborted) return
        try {
          const next = await write(version, { owner, state: 'running' })
          if (next === undefined) return lost.abort(LOST)
          version = next
        } catch (error) {
          // The store does not answer, perhaps for a moment: the next renewal tries again.
          if (!(error instanceof StoreUnavailableError)) return lost.abort(error)
        }
      }
    }

    /** False if another node has taken over. */
    async function end(flight: Flight): Promise<boolean> {
      over.abort()
      await renewing
      for (let attempt = 1; ; attempt++) {
        try {
          return (await write(version, flight)) !== undefined
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error
          // The function has run: its caller gets what it returned, and the lease will lapse.
          if (attempt === FINISH_ATTEMPTS_MAX) return true
          await context.backOff(attempt)
        }
      }
    }
  }
}

async function untilAborted<T>(run: SingleFlight<T>['run'], signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  )
  // What it throws at once is a rejection too, or nothing would wait for the other.
  const ran = (async () => await run(signal))()
  return await Promise.race([ran, aborted])
}

/** A function may throw anything. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : inspect(error)).slice(0, MESSAGE_CHARS_MAX)
}

const LOST = new Error('the lease was lost')

function decode(body: string): Flight {
  const { owner, state, ...rest } = decodeData(body)
  const isFlight = typeof owner === 'string' && (state === 'running' || state === 'done' || state === 'failed')
  if (!isFlight) throw new RecordUnreadableError('it is no single flight')
  return { owner, state, ...rest } as Flight
}
