/** The command line of the bench of the balancer. */
import { BARE, type BalancerSubject, OURS, OURS_AGAIN, SUBJECTS } from './subjects.ts'
import type { Plan } from '../harness/experiment.ts'
import { chosenSubjects, outDirectory, planFlags, seedFrom, wholeNumber } from '../harness/command/flags.ts'

export interface Options extends Plan {
  readonly quick: boolean
  readonly seed: number
  readonly out: string
  readonly subjects: readonly BalancerSubject[]
  /** In one turn of the paced load. */
  readonly pacedRequests: number
}

type Sizes = Plan & { readonly pacedRequests: number }

const FULL: Sizes = { warmUpRequests: 8_000, blocks: 20, requests: 2_000, pacedRequests: 600 }
const QUICK: Sizes = { warmUpRequests: 3_000, blocks: 8, requests: 1_000, pacedRequests: 300 }

export const HELP = `npm run bench:balancer -- [options]

What a request costs with the balancer, beside nginx, HAProxy and bare proxies. bench/METHOD.md says how that is found out.

  --quick       ${QUICK.blocks} blocks of ${QUICK.requests} requests instead of ${FULL.blocks} of ${FULL.requests}, after a shorter warm-up
  --blocks N    how many blocks
  --seed N      of the order within the blocks and of the intervals (default: a random one, which the result names)
  --only A,B    these subjects, bare http-proxy, and ninelives twice:
                ${SUBJECTS.map(({ name }) => name).join(', ')}
  --out DIR     where result.json goes (default .ninelives/bench/<time>)
  --help`

/** Undefined when it is help that was asked for. */
export function readOptions(args: readonly string[], now: Date): Options | undefined {
  const values = planFlags(args)
  if (values.help) return undefined
  const sizes = values.quick ? QUICK : FULL
  return {
    ...sizes,
    blocks: wholeNumber('--blocks', values.blocks, sizes.blocks),
    quick: values.quick,
    seed: seedFrom(values.seed),
    out: outDirectory(values.out, now),
    subjects: chosenSubjects(values.only, SUBJECTS, [OURS, OURS_AGAIN, BARE]),
  }
}
