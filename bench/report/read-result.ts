/** Reads a result.json of this bench, or throws a UsageError. */
import { readFileSync } from 'node:fs'
import { UsageError } from '@ninelives/lab'
import { type BenchResult, RESULT_SCHEMA } from '../result.ts'

export function readResult(path: string): BenchResult {
  let result: Partial<BenchResult> | null
  try {
    result = JSON.parse(readFileSync(path, 'utf8')) as Partial<BenchResult> | null
  } catch (error) {
    throw new UsageError(`${path} can't be read as a result: ${(error as Error).message}`)
  }
  if (result?.schema !== RESULT_SCHEMA || result.bench !== 'strategies') {
    throw new UsageError(`${path} is not a result of npm run bench with schema ${RESULT_SCHEMA}`)
  }
  const parts = [result.strategies, result.comparisons, result.doubts, result.options, result.environment]
  if (parts.includes(undefined)) throw new UsageError(`${path} is not a complete result: parts are missing`)
  return result as BenchResult
}
