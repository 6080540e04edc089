import { INTERLEAVINGS, type InterleavingName, isInterleaving } from '@ninelives/history'
import { campaignKinds } from '../../campaign/planned.ts'
import { NODES_MAX } from '../../cluster/addresses.ts'
import { TABS_MAX } from '../../users/load.ts'
import { RATE_MAX } from './fit-rate.ts'
import { choiceFlag, type Flag, type FlagValues, integerFlag, listed, textFlag } from '../command/flags.ts'
import { floorFlag, logsFlag, seedFlag, strategyFlag } from '../command/run-flags.ts'
import { durabilityFlag, storeFlags } from '../command/store-flags.ts'
import { handOnFlags, reportFlag } from './hand-on.ts'
import { targetFlags } from './target-flags.ts'

const kinds = campaignKinds

export const NODES_DEFAULT = 3
const OVERLAP_MAX = 4
const HUNT_MINUTES_MAX = 100_000
const REPEAT_MAX = 1_000

/** The kinds depend on the subject, so they are checked later. */
const faultsFlag: Flag<readonly string[] | undefined> = {
  placeholder: 'KIND,...',
  help: `in turn, ${listed(kinds)} (kill), on a random target or KIND@TARGET; with --target, the kinds that have a command`,
  otherwise: undefined,
  takes: `one or more of ${kinds.join(', ')}, separated by commas, each KIND or KIND@TARGET`,
  parse(value) {
    const given = value.split(',').map((kind) => kind.trim())
    return given.every((kind) => kind !== '') ? given : undefined
  },
}

const interleavings = Object.keys(INTERLEAVINGS)

const requireFlag: Flag<readonly InterleavingName[]> = {
  placeholder: 'NAME,...',
  help: `goes on until each of these has occurred, and is unknown otherwise: ${interleavings.join(', ')}`,
  otherwise: [],
  takes: `one or more of ${interleavings.join(', ')}, separated by commas`,
  parse(value) {
    const names = value.split(',').map((name) => name.trim())
    return names.every((name) => isInterleaving(name)) ? names : undefined
  },
}

const KILLS_MAX = 1_000

export const proveFlags = {
  strategy: strategyFlag,
  faults: faultsFlag,
  require: requireFlag,
  kills: integerFlag(
    { min: 0, max: KILLS_MAX },
    { placeholder: 'N', help: `faults, one after the other, 0 to ${KILLS_MAX} (20)`, otherwise: 20 },
  ),
  overlap: integerFlag(
    { min: 1, max: OVERLAP_MAX },
    { placeholder: 'N', help: `so many faults at once, 1 to ${OVERLAP_MAX} (1)`, otherwise: 1 },
  ),
  schedule: choiceFlag(['time', 'operations'], {
    placeholder: 'time|operations',
    help: 'faults come by the clock, or at fixed numbers of operations, so that a seed repeats them (time)',
    otherwise: 'time',
  }),
  'other-version': textFlag<string | undefined>('a directory with another version', {
    placeholder: 'DIR',
    help: 'with --faults rolling: the nodes begin with the version in this directory, and each rolling deploy changes all of them, one by one, to the other of the two',
    otherwise: undefined,
  }),
  nodes: integerFlag<number | undefined>(
    { min: 1, max: NODES_MAX },
    { placeholder: 'N', help: `nodes, 1 to ${NODES_MAX} (${NODES_DEFAULT})`, otherwise: undefined },
  ),
  users: integerFlag({ min: 1, max: 10_000 }, { placeholder: 'N', help: 'virtual users (60)', otherwise: 60 }),
  tabs: integerFlag(
    { min: 1, max: TABS_MAX },
    { placeholder: 'N', help: `tabs of each user, 1 to ${TABS_MAX} (2)`, otherwise: 2 },
  ),
  rate: integerFlag<number | undefined>(
    { min: 1, max: 10_000 },
    {
      placeholder: 'N',
      help: `operations a second of all virtual users (as many as this machine keeps up with, at most ${RATE_MAX})`,
      otherwise: undefined,
    },
  ),
  floor: floorFlag,
  keys: choiceFlag(['none', 'sent'], {
    placeholder: 'none|sent',
    help: 'whether the users send idempotency keys (none)',
    otherwise: 'none',
  }),
  ...storeFlags,
  durability: durabilityFlag,
  logs: logsFlag,
  seed: seedFlag,
  report: reportFlag,
  ...handOnFlags,
  hunt: integerFlag<number | undefined>(
    { min: 1, max: HUNT_MINUTES_MAX },
    {
      placeholder: 'MINUTES',
      help: 'runs drawn at random, of all strategies or the given one, until one finds an anomaly, which is shrunk',
      otherwise: undefined,
    },
  ),
  repeat: integerFlag<number | undefined>(
    { min: 2, max: REPEAT_MAX },
    {
      placeholder: 'N',
      help: `the same run N times, 2 to ${REPEAT_MAX}, and how alike they were; best with --schedule operations`,
      otherwise: undefined,
    },
  ),
  compare: textFlag<string | undefined>('two runs, by their directories or traces', {
    placeholder: 'A B',
    help: 'breaks nothing: two runs beside each other, by their directories or traces',
    otherwise: undefined,
  }),
  ...targetFlags,
}

export type ProveValues = FlagValues<typeof proveFlags>
