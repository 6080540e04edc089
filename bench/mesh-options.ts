/** The command line of the bench of the mesh. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from './config.ts'
import type { ScalePlan } from './mesh-scale.ts'

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
    sizes: values.nodes === undefined ? SIZES : values.nodes.split(',').map((each) => whole('--nodes', each, SIZE_MAX)),
    atOnce: values['at-once'] === undefined ? 1 : whole('--at-once', values['at-once'], AT_ONCE_MAX),
    sessions: values.sessions === undefined ? SESSIONS : whole('--sessions', values.sessions, 1_000_000),
    seed: values.seed === undefined ? 1 + Math.floor(Math.random() * 999_999) : whole('--seed', values.seed, 999_999),
    out: resolve(values.out ?? join('.ninelives', 'bench', now.toISOString().replaceAll(/[:.]/g, '-'))),
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

function whole(flag: string, text: string, max: number): number {
  const value = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= max)) throw new UsageError(`${flag} is '${text}', and takes whole numbers from 1 to ${max}`)
  return value
}
