/** The command line of the bench of the session layer. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from './config.ts'
import type { Plan } from './experiment.ts'
import { OURS, OURS_AGAIN, type SessionSubject, SUBJECTS } from './sessions-subjects.ts'

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
  const values = parsed(args)
  if (values.help) return undefined
  const plan = values.quick ? QUICK : FULL
  return {
    ...plan,
    blocks: wholeNumber('--blocks', values.blocks, plan.blocks),
    quick: values.quick,
    seed: wholeNumber('--seed', values.seed, 1 + Math.floor(Math.random() * 999_999)),
    out: resolve(values.out ?? join('.ninelives', 'bench', now.toISOString().replaceAll(/[:.]/g, '-'))),
    subjects: chosen(values.only),
  }
}

function parsed(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        blocks: { type: 'string' },
        seed: { type: 'string' },
        only: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; --help says what there is`)
  }
}

function chosen(only: string | undefined): readonly SessionSubject[] {
  if (only === undefined) return SUBJECTS
  const wanted = only.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !SUBJECTS.some((subject) => subject.name === name))
  if (unknown !== undefined) {
    throw new UsageError(`--only is '${unknown}', and takes ${SUBJECTS.map(({ name }) => name).join(', ')}`)
  }
  // Without these two there is nothing to compare with, and no telling how far to trust it.
  return SUBJECTS.filter(({ name }) => name === OURS || name === OURS_AGAIN || wanted.includes(name))
}

function wholeNumber(flag: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (/^[1-9]\d{0,5}$/.test(value)) return Number(value)
  throw new UsageError(`${flag} is '${value}', and takes a whole number from 1 to 999999`)
}
