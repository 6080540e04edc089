/** Finds a simpler run that shows the same anomaly. */
import type { Outcome } from './prove-process.ts'
import { type Round, simpler } from './round.ts'

export interface Shrinking {
  /** Undefined when the hunt is interrupted. */
  readonly run: (round: Round) => Promise<Outcome | undefined>
  readonly nodesMin: number
  /** Called with each simpler round that shows it. */
  readonly onSimpler: (round: Round) => void
}

/** A schedule shows its anomaly with some luck, so each is tried twice. */
const TRIES = 2
const RUNS_MAX = 24

/** The simplest that was seen to show one of these kinds of anomalies. */
export async function shrink(
  found: Round,
  kinds: readonly string[],
  { run, nodesMin, onSimpler }: Shrinking,
): Promise<Round> {
  let round = found
  const budget = { runs: RUNS_MAX }
  const shows = async (candidate: Round): Promise<boolean | undefined> => {
    for (let tried = 0; tried < TRIES && budget.runs > 0; tried++) {
      budget.runs--
      const outcome = await run(candidate)
      if (outcome === undefined) return undefined
      if (outcome.anomalies.some((kind) => kinds.includes(kind))) return true
    }
    return false
  }
  for (let candidates = simpler(round, nodesMin); candidates.length > 0 && budget.runs > 0;) {
    const [candidate] = candidates
    if (candidate === undefined) break
    const isShown = await shows(candidate)
    if (isShown === undefined) break
    if (isShown) onSimpler(candidate)
    round = isShown ? candidate : round
    candidates = isShown ? simpler(round, nodesMin) : candidates.slice(1)
  }
  return round
}
