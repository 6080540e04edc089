/** Runs consecutive seeds. */
import { engine } from './engine.ts'
import { script, type ScriptOptions } from './world/script.ts'
import { simulate } from './simulate.ts'

export interface Batch extends ScriptOptions {
  readonly from: number
  readonly count: number
  /** The name of a variant of the engine; the real one when absent. */
  readonly variant?: string | undefined
}

export interface Failing {
  readonly seed: number
  readonly violations: readonly string[]
}

export interface BatchResult {
  readonly seeds: number
  readonly operations: number
  readonly messages: number
  readonly failing: readonly Failing[]
}

/** Seeds are whole numbers of 32 bits, and go on at 0 after the last. */
export const SEEDS = 2 ** 32

export async function runBatch({ from, count, variant, nodes, copies, resize }: Batch): Promise<BatchResult> {
  const makePeer = await engine(variant)
  const failing: Failing[] = []
  let operations = 0
  let messages = 0
  for (let index = 0; index < count; index++) {
    const seed = (from + index) % SEEDS
    const run = simulate(script(seed, { nodes, copies, resize }), makePeer)
    operations += run.operations
    messages += run.messages
    if (run.violations.length > 0) failing.push({ seed, violations: run.violations })
  }
  return { seeds: count, operations, messages, failing }
}
