/**
 * When a system was as good as before the fault: from that instant on, for RECOVERED_FOR_MS, the share of good answers and the p99 were in
 * the band of before. The band allows for normal variation. No half second within that time may be bad on its own, or a
 * short outage would vanish in five good seconds.
 */
import { BIN_MS } from '../../result.ts'
import type { UserOperation } from './waiting.ts'

const RECOVERED_FOR_MS = 5_000
const SLICE_MS = 500
const SHARE_SLACK = 0.01
const SLICE_SHARE_SLACK = 0.1
const P99_FACTOR = 2
const P99_SLACK_MS = 10

export interface Band {
  readonly goodShareMin: number
  readonly sliceShareMin: number
  readonly p99MaxMs: number
}

/** Undefined when nothing was due before. */
export function bandOf(before: readonly UserOperation[]): Band | undefined {
  if (before.length === 0) return undefined
  const share = goodShare(before)
  return {
    goodShareMin: share - SHARE_SLACK,
    sliceShareMin: share - SLICE_SHARE_SLACK,
    p99MaxMs: P99_FACTOR * p99(before) + P99_SLACK_MS,
  }
}

/** From the fault; undefined when it did not recover during the watch. */
export function recoveryMs(
  operations: readonly UserOperation[],
  faultAtMs: number,
  toMs: number,
  band: Band,
): number | undefined {
  for (let fromMs = faultAtMs; fromMs + RECOVERED_FOR_MS <= toMs; fromMs += BIN_MS) {
    if (isBack(operations, fromMs, band)) return fromMs - faultAtMs
  }
  return undefined
}

function isBack(operations: readonly UserOperation[], fromMs: number, band: Band): boolean {
  const held = dueWithin(operations, fromMs, RECOVERED_FOR_MS)
  if (held.length === 0 || goodShare(held) < band.goodShareMin || p99(held) > band.p99MaxMs) return false
  const starts = Array.from({ length: RECOVERED_FOR_MS / SLICE_MS }, (_, slice) => fromMs + slice * SLICE_MS)
  return starts.every((startMs) => {
    const slice = dueWithin(held, startMs, SLICE_MS)
    return slice.length === 0 || goodShare(slice) >= band.sliceShareMin
  })
}

function dueWithin(operations: readonly UserOperation[], fromMs: number, forMs: number): UserOperation[] {
  return operations.filter(({ dueAtMs }) => dueAtMs >= fromMs && dueAtMs < fromMs + forMs)
}

function goodShare(operations: readonly UserOperation[]): number {
  return operations.filter(({ isOk }) => isOk).length / operations.length
}

/** An operation without an end counts as the slowest. */
function p99(operations: readonly UserOperation[]): number {
  const latencies = operations.map(({ dueAtMs, endedAtMs = Number.POSITIVE_INFINITY }) => endedAtMs - dueAtMs)
  return latencies.sort((one, other) => one - other)[Math.ceil(0.99 * latencies.length) - 1] ?? 0
}
