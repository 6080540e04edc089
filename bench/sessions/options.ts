/** The command line of the bench of the session layer. */
import type { Plan } from '../harness/experiment.ts'
import { chosenSubjects, outDirectory, planFlags, seedFrom, wholeNumber } from '../harness/command/flags.ts'
import { OURS, OURS_AGAIN, type SessionSubject, SUBJECTS } from './subjects.ts'

export interface Options extends Plan {
  readonly quick: boolean
  readonly seed: number
  readonly out: string
  readonly subjects: readonly SessionSubject[]
}

const FULL: Plan = { warmUpRequests: 10_000, blocks: 20, requests: 2_000 }
const QUICK: Plan = { warmUpRequests: 3_000, blocks: 8, requests: 1_000 }

export const HELP = `npm run bench:sessions -- [options]

What a request costs with @ninelives/sessions, beside other session layers. bench/METHOD.md says how that is found out.

  --quick       ${QUICK.blocks} blocks of ${QUICK.requests} requests instead of ${FULL.blocks} of ${FULL.requests}, after a shorter warm-up
  --blocks N    how many blocks
  --seed N      of the order within the blocks and of the intervals (default: a random one, which the result names)
  --only A,B    these subjects, and ninelives twice:
                ${SUBJECTS.map(({ name }) => name).join(', ')}
  --out DIR     where result.json goes (default .ninelives/bench/<time>)
  --help

Redis: REDIS_URL, or a private redis-server from the PATH.`

/** Undefined when it is help that was asked for. */
export function readOptions(args: readonly string[], now: Date): Options | undefined {
  const values = planFlags(args)
  if (values.help) return undefined
  const plan = values.quick ? QUICK : FULL
  return {
    ...plan,
    blocks: wholeNumber('--blocks', values.blocks, plan.blocks),
    quick: values.quick,
    seed: seedFrom(values.seed),
    out: outDirectory(values.out, now),
    subjects: chosenSubjects(values.only, SUBJECTS, [OURS, OURS_AGAIN]),
  }
}
