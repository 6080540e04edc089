/** The command line of the bench of the mesh. */
import { parseArgs } from 'node:util'
import { UsageError } from '../harness/config.ts'
import { outDirectory, seedFrom, wholeNumber } from '../harness/command/flags.ts'
import type { ScalePlan } from './scale.ts'

export interface MeshOptions extends ScalePlan {
  readonly sessions: number
  readonly seed: number
  readonly out: string
}

const FULL = { rounds: 6, blocks: 3, writesPerNode: 2_000 }
const QUICK = { rounds: 1, blocks: 3, writesPerNode: 1_000 }
const SIZES = [3, 6, 9, 12]
const SIZE_MAX = 12
const AT_ONCE_MAX = 100
const SESSIONS = 100_000
const SESSIONS_MAX = 1_000_000

export const MESH_HELP = `npm run bench:mesh -- [options]

What a write costs on replicated and clustered meshes of ${SIZES.join(', ')} nodes, what an idle session takes, and how long a
node takes to join.

  --quick        one round of each mesh instead of ${FULL.rounds}
  --nodes A,B    these sizes
  --at-once N    writes that each node has under way (default 1)
  --sessions N   that a joining node finds (default ${SESSIONS})
  --seed N       of the order and of the intervals (default: a random one, which the result names)
  --out DIR      where result.json goes (default .ninelives/bench/<time>)
  --help`

/** Undefined when it is help that was asked for. */
export function readMeshOptions(args: readonly string[], now: Date): MeshOptions | undefined {
  const values = parsed(args)
  if (values.help) return undefined
  return {
    ...(values.quick ? QUICK : FULL),
    sizes: values.nodes === undefined ? SIZES : values.nodes.split(',').map((size) => sizeFrom(size)),
    atOnce: wholeNumber('--at-once', values['at-once'], 1, AT_ONCE_MAX),
    sessions: wholeNumber('--sessions', values.sessions, SESSIONS, SESSIONS_MAX),
    seed: seedFrom(values.seed),
    out: outDirectory(values.out, now),
  }
}

function parsed(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        nodes: { type: 'string' },
        'at-once': { type: 'string' },
        sessions: { type: 'string' },
        seed: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; --help says what there is`)
  }
}

function sizeFrom(text: string): number {
  return wholeNumber('--nodes', text, 0, SIZE_MAX)
}
