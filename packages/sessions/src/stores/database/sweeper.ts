/**
 * Deletes rows some time after they have expired. Each row names its slot, a number of ten minutes since 1970: an index on the
 * slot changes once in ten minutes for a session in use, where an index on the expiry would change with every write. Ten minutes
 * lie between expiry and deletion, so that a node whose clock is fast deletes nothing that counts for the others.
 *
 * One timer waits for the earliest slot; it keeps no process alive, and there is none while the table is empty. Other statements
 * wait for a batch to end. So a batch has as many rows as the database deletes within some milliseconds, and a pause after it that
 * is a multiple of the time it took: a database that is busy with other work is left more time.
 */
import { reasonOf } from '../../reason.ts'
import type { Clock } from '../../clock.ts'
import type { Dialect } from './dialect.ts'

export interface Sweeper {
  /** Looks for the earliest row, and deletes what is due. */
  start(): void
  /** A row of this slot was written. */
  note(sweepSlot: number): void
  /** Why rows could not be deleted the last time. */
  readonly failure: string | undefined
  stop(): void
}

const SLOT_MS = 600_000
const CLOCKS_DIFFER_MAX_MS = 600_000
/** Of the time that a batch took: each node deletes for at most a quarter of the time, unless a batch takes seconds. */
const PAUSE_SHARE = 3
const PAUSE_MIN_MS = 5
const PAUSE_MAX_MS = 5_000
/** A batch that was slow or fast by chance changes the next ones by no more. */
const GROWTH_MAX = 2
/** Nodes of one database look at different instants, so that the first to look finds most of the work. */
const JITTER_MS = 60_000
/** Other nodes may have written rows of earlier slots, and died. */
const LOOK_EVERY_MS = 3_600_000
const RETRY_MS = 60_000
/** As a slot: no row is due before. */
const SOON = -Infinity

/** In which slot a row is deleted. */
export function sweepSlot(expiresAtMs: number): number {
  return Math.ceil((expiresAtMs + CLOCKS_DIFFER_MAX_MS) / SLOT_MS)
}

export function sweeper(database: Dialect, clock: Clock): Sweeper {
  let timer: NodeJS.Timeout | undefined
  /** When the timer fires, as a slot; every slot is later than none. */
  let awaitedSlot = Infinity
  let failure: string | undefined
  let isSweeping = false
  let isStopped = false

  const sweepAll = async (): Promise<void> => {
    const dueSlot = Math.floor(clock.now() / SLOT_MS)
    const { rowsMin, rowsMax, durationMs } = database.sweepBatch
    for (let rows = rowsMin; ;) {
      const startedAtMs = performance.now()
      if ((await database.sweep(dueSlot, Math.round(rows))) < Math.round(rows)) break
      const tookMs = performance.now() - startedAtMs
      const change = Math.min(GROWTH_MAX, Math.max(1 / GROWTH_MAX, durationMs / tookMs))
      rows = Math.min(rowsMax, Math.max(rowsMin, rows * change))
      await pause(Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, PAUSE_SHARE * tookMs)))
    }
    isSweeping = false
    const next = await database.earliestSweepSlot()
    if (next !== undefined && next < awaitedSlot) waitFor(next)
  }

  const sweep = (): void => {
    timer = undefined
    awaitedSlot = Infinity
    isSweeping = true
    sweepAll().then(
      () => (failure = undefined),
      (error: Error) => {
        if (isStopped) return
        failure = reasonOf(error)
        isSweeping = false
        awaitedSlot = SOON
        wake(RETRY_MS)
      },
    )
  }

  const wake = (afterMs: number): void => {
    if (isStopped) return
    clearTimeout(timer)
    timer = setTimeout(sweep, afterMs).unref()
  }

  const waitFor = (slot: number): void => {
    awaitedSlot = slot
    const dueInMs = Math.max(0, slot * SLOT_MS - clock.now())
    wake(Math.min(dueInMs, LOOK_EVERY_MS) + Math.random() * JITTER_MS)
  }

  return {
    start: sweep,
    note(slot) {
      if (slot < awaitedSlot && !isSweeping) waitFor(slot)
    },
    get failure() {
      return failure
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
