/** The command line of a bench that measures subjects in blocks. */
import { flagsHelp, parseFlags, switchFlag } from '@ninelives/lab'
import type { Plan } from '../experiment.ts'
import { say } from './command.ts'
import { countFlag, namesFlag, outDirectory, outFlag, seedFlag } from './flags.ts'

export interface PlannedBench<Subject, Sizes extends Plan> {
  readonly command: string
  /** One sentence, for the help. */
  readonly about: string
  readonly full: Sizes
  readonly quick: Sizes
  readonly subjects: readonly Subject[]
  /** The subjects that the others are compared with: `--only` keeps them. */
  readonly always: readonly string[]
  /** For the help: where `--keep` puts the result. */
  readonly keeps: string
}

export type PlanOptions<Subject, Sizes extends Plan> = Sizes & {
  readonly quick: boolean
  readonly seed: number
  readonly out: string
  readonly keep: boolean
  readonly subjects: readonly Subject[]
}

/** Undefined when help was asked for, which is then printed. */
export function readPlanOptions<Subject extends { readonly name: string }, Sizes extends Plan>(
  bench: PlannedBench<Subject, Sizes>,
  args: readonly string[],
): PlanOptions<Subject, Sizes> | undefined {
  const { command, about, full, quick, subjects, always, keeps } = bench
  const names = subjects.map(({ name }) => name)
  const flags = {
    quick: switchFlag(`${quick.blocks} blocks of ${quick.requests} requests, after a shorter warm-up`),
    blocks: countFlag(`how many blocks of ${full.requests} requests (default ${full.blocks})`, undefined),
    seed: seedFlag,
    only: namesFlag(names, `these subjects, and ${always.join(', ')}`),
    out: outFlag,
    keep: switchFlag(`puts the result into ${keeps}`),
  }
  const values = parseFlags(command, flags, args)
  if (values === 'help') {
    say(
      `${command} -- [options]\n\n${about} bench/METHOD.md explains how.\n\n${flagsHelp(flags)}\nSubjects: ${names.join(', ')}`,
    )
    return undefined
  }
  const sizes = values.quick ? quick : full
  const { only = names, blocks = sizes.blocks } = values
  return {
    ...sizes,
    blocks,
    quick: values.quick,
    seed: values.seed,
    out: outDirectory(values.out, new Date()),
    keep: values.keep,
    subjects: subjects.filter(({ name }) => only.includes(name) || always.includes(name)),
  }
}
