/** Runs of the bench of strategies that nobody had to wait for. */
import type { Measured } from '../../bench/faults/metrics.ts'
import type { TurnFound } from '../../bench/faults/turn.ts'
import type { Environment } from '../../bench/environment.ts'
import { readStrategiesOptions, type RunOptions } from '../../bench/strategies-options.ts'
import type { FoundBlock, RunHead } from '../../bench/strategies-run.ts'

export const NOW = new Date('2026-01-01T00:00:00Z')

export const ENVIRONMENT: Environment = {
  node: 'v24',
  packages: {},
  commit: 'c',
  changed: false,
  system: 's',
  processor: 'p',
  cores: 2,
  memoryBytes: 1,
  loadBefore: 0,
  busy: false,
}

export function options(...args: readonly string[]): RunOptions {
  const asked = readStrategiesOptions(args, NOW)
  if (asked.to !== 'run') throw new Error(`asked to ${asked.to}`)
  return asked.options
}

export const head = (...args: readonly string[]): RunHead => ({
  startedAt: NOW.toISOString(),
  environment: ENVIRONMENT,
  options: options('--strategies', 'sticky,memory', '--seed', '5', ...args),
})

export function kill(change: Partial<Measured> = {}): Measured {
  return {
    fault: 'kill',
    target: 'a',
    phases: {},
    histograms: { before: '1000:10', outage: '5000:10', after: '' },
    outageMs: 100,
    userOutageMs: 200,
    firstSuccessMs: 10,
    recoveryMs: 300,
    lostUserSeconds: 1,
    sessionsExposed: 60,
    sessionsLost: 0,
    writesAcknowledged: 100,
    writesLost: 0,
    writesDuplicated: 0,
    requestsSent: 100,
    requestsFailed: 1,
    latenessMs: 1,
    bins: [],
    ...change,
  }
}

export function turn(kills: readonly Measured[], cpu = 100): TurnFound {
  const healthy = { requests: 100, requestsPerSecond: 1_000, p50Ms: 1, p99Ms: 2, histogram: '1000:100' }
  return {
    kills,
    healthy: { ...healthy, cpuMicrosPerRequest: { balancer: cpu, node: cpu } },
    verdict: 'valid',
    doubts: [],
    anomalies: {},
    reads: 50,
    requests: { sent: 100, ok: 99, failed: { '502': 1 }, retries: 5 },
  }
}

/** `memory` takes twice what `sticky` does, in blocks of which each is slower than the one before. */
export function blocks(count: number, change: (block: number) => Partial<Measured> = () => ({})): FoundBlock[] {
  return Array.from({ length: count }, (_, index) => {
    const block = index + 1
    const base = turn([kill({ outageMs: 100 * block, ...change(block) })], 100 * block)
    const other = turn([kill({ outageMs: 200 * block })], 200 * block)
    return { block, scenario: 'half-and-half', turns: { sticky: base, memory: other, 'sticky-again': base } }
  })
}
