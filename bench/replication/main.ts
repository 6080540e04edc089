/** How the replicated and the clustered store scale: what a write costs from few nodes to many, memory, and joining. */
import { flagsHelp, integerFlag, parseFlags, seededRandom, switchFlag } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { countFlag, namesFlag, outDirectory, outFlag, seedFlag } from '../harness/command/flags.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { writeResult } from '../harness/command/result-file.ts'
import { environment } from '../harness/environment.ts'
import { measureJoining } from './joining.ts'
import { meshResult, meshTable } from './result.ts'
import { measureScale } from './scale.ts'

const FULL = { rounds: 6, blocks: 3, writesPerNode: 2_000 }
const QUICK = { rounds: 1, blocks: 3, writesPerNode: 1_000 }
const SIZES = [3, 6, 9, 12]
const SIZE_MAX = 12
const SESSIONS = 100_000
const SESSIONS_MAX = 1_000_000

const FLAGS = {
  quick: switchFlag(`one round of each mesh instead of ${FULL.rounds}`),
  nodes: namesFlag(
    Array.from({ length: SIZE_MAX - 1 }, (_, index) => String(index + 2)),
    `these sizes (default ${SIZES.join()})`,
  ),
  'at-once': integerFlag(
    { min: 1, max: 100 },
    { placeholder: 'N', help: 'writes in flight at each node (default 1)', otherwise: 1 },
  ),
  sessions: countFlag(`that a joining node finds (default ${SESSIONS})`, SESSIONS, SESSIONS_MAX),
  seed: seedFlag,
  out: outFlag,
}

const HELP = `npm run bench:mesh -- [options]

What a write costs on replicated and clustered meshes of ${SIZES.join(', ')} nodes, what an idle session takes, and how long a
node takes to join.

${flagsHelp(FLAGS)}`

benchMain(async (args) => {
  const startedAt = new Date()
  const values = parseFlags('npm run bench:mesh', FLAGS, args)
  if (values === 'help') return say(HELP)
  const { quick, seed, sessions } = values
  const sizes = values.nodes?.map(Number) ?? SIZES
  const out = outDirectory(values.out, startedAt)
  const options = { ...(quick ? QUICK : FULL), sizes, atOnce: values['at-once'], sessions, seed, out }
  makeOut(out)
  const where = environment('none', {})
  const blocks = await measureScale(options, seededRandom(seed), progress)
  progress(`a node joins ${sessions} sessions`)
  const joining = await measureJoining(sessions)
  const result = meshResult({ startedAt, environment: where, options, blocks, joining })
  writeResult(out, result, meshTable(result))
})
