/** `prove` on the user's own system. */
import { ownPrograms } from '../../cluster/programs.ts'
import type { Config } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { openTarget, type TargetLab } from '../../target/target-lab.ts'
import { visible } from '../../terminal/visible.ts'
import { RATE_MAX } from './fit-rate.ts'
import { flagsHelp, listed } from '../command/flags.ts'
import { lastLook } from './last-look.ts'
import type { ProveValues } from './prove-flags.ts'
import type { Plan, PlanBasis, Subject } from './prove-subject.ts'
import { targetFlags } from './target-flags.ts'
import { say, sayError } from '../../terminal/say.ts'

/** Throws UsageError if the flags can't be satisfied. */
export function planTarget(flags: ProveValues, target: URL, config: Config): (basis: PlanBasis) => Plan {
  for (const name of ['strategy', 'store', 'store-file', 'durability', 'nodes', 'other-version'] as const) {
    if (flags[name] !== undefined)
      throw new UsageError(`--${name} is of clusters that prove starts, --target is not one`)
  }
  if (flags.overlap > 1) throw new UsageError('--overlap is of clusters that prove starts, --target is not one')
  if (flags.schedule === 'operations')
    throw new UsageError('--schedule operations is of clusters that prove starts, --target is not one')
  if (flags['kill-command'] !== undefined && flags['fault-command'].has('kill')) {
    throw new UsageError('--kill-command and --fault-command kill=CMD are two commands for one kind: give one')
  }
  const commands = commandsOf(flags)
  const kinds = flags.faults ?? [...commands.keys()]
  const without = kinds.find((kind) => !commands.has(kind))
  if (without !== undefined) throw new UsageError(`no command for ${without}: give ${flagFor(without)}`)
  if (kinds.length === 0 && flags.kills > 0) {
    throw new UsageError(
      `--target needs --kill-command CMD, such as 'docker kill shop-$NINELIVES_TARGET'; --kills 0 breaks nothing`,
    )
  }
  return ({ seed, run, directory }) => ({
    announcement: `Asking ${target.origin} for the shop's interface, seed ${seed} ...`,
    kinds,
    recipe: () => kinds[0],
    open() {
      const lab = openTarget({
        target,
        nodes: flags['nodes-url'],
        commands: { faults: commands, start: flags['start-command'] },
        users: flags.users,
        tabs: flags.tabs,
        together: true,
        floor: flags.floor,
        requires: flags.require,
        rate: flags.rate ?? RATE_MAX,
        idempotencyKeys: flags.keys === 'sent',
        seed,
        run,
        directory,
        environment: config.environment,
        programs: ownPrograms(),
        warn: (line) => sayError(`ninelives: ${visible(line)}\n`),
      })
      return Promise.resolve(subjectOf(lab, flags, target))
    },
  })
}

/** Throws UsageError if one of its flags is given without --target. */
export function refuseTargetFlags(flags: ProveValues): void {
  const names = ['kill-command', 'start-command', 'nodes-url', 'fault-command', 'copies'] as const
  const given = names.find((name) => flags[name] !== targetFlags[name].otherwise)
  if (given !== undefined) throw new UsageError(`--${given} is of a system of your own, and goes with --target URL`)
}

export const targetHelp = `Of a system of your own (packages/lab/TARGETS.md):

${flagsHelp(targetFlags)}`

function commandsOf({ 'kill-command': kill, 'fault-command': others }: ProveValues): ReadonlyMap<string, string> {
  return new Map([...(kill === undefined ? [] : [['kill', kill] as const]), ...others])
}

function flagFor(kind: string): string {
  return kind === 'kill' ? '--kill-command CMD' : `--fault-command ${kind}=CMD`
}

function subjectOf(lab: TargetLab, flags: ProveValues, target: URL): Subject {
  const nodes = flags['nodes-url']
  return {
    trace: lab.trace,
    breaker: lab.breaker,
    users: lab.users,
    async start() {
      await lab.start((line) => say(`${visible(line)}\n`))
      const named =
        nodes.length === 0 ? '' : `, nodes ${listed(nodes.map(({ name }) => name)).replace(' or ', ' and ')}`
      return `${target.origin}${named}`
    },
    lastLook: () => lastLook(lab.users, flags.copies === 'yes' ? nodes : []),
    stop: (reason, cutShort) => lab.stop(reason, cutShort),
    kill: () => lab.kill(),
  }
}
