/** Flags that several commands share. */
import { SEED_MAX } from '../../random.ts'
import { DEFAULT_STRATEGY, strategyNames } from '../../strategies.ts'
import { choiceFlag, type Flag, httpUrl, integerFlag, listed, shareFlag, textFlag } from './flags.ts'

export const strategyFlag = choiceFlag<string | undefined>(strategyNames, {
  placeholder: 'NAME',
  help: `${listed(strategyNames)} (${DEFAULT_STRATEGY})`,
  otherwise: undefined,
})

/** A shop that runs already. */
export const targetFlag: Flag<URL> = {
  placeholder: 'URL',
  help: 'the shop, at its balancer (http://127.0.0.1:8080)',
  otherwise: new URL('http://127.0.0.1:8080'),
  takes: 'http://HOST or http://HOST:PORT',
  parse: httpUrl,
}

export const logsFlag = textFlag<string | undefined>('a directory', {
  placeholder: 'DIR',
  help: 'where the trace and the logs go (a fresh directory in .ninelives/)',
  otherwise: undefined,
})

export const seedFlag = integerFlag<number | undefined>(
  { min: 0, max: SEED_MAX },
  { placeholder: 'N', help: 'the seed of the load and the faults (any)', otherwise: undefined },
)

export const floorFlag = shareFlag({
  placeholder: 'SHARE',
  help: 'the share of the virtual users who are on the floor, 0 to 1: they move over WebSockets (0)',
  otherwise: 0,
})
