/** How the replicated and the clustered store scale: what a write costs from few nodes to many, memory, and joining. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../harness/config.ts'
import { environment } from '../harness/environment.ts'
import { measureJoining } from './joining.ts'
import { MESH_HELP, readMeshOptions } from './options.ts'
import { meshResult, meshTable } from './result.ts'
import { measureScale } from './scale.ts'
import { makeOut } from '../harness/command/out-directory.ts'
import { seededRandom } from '../harness/statistics.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2
const EXIT_INTERRUPTED = 130

async function main(): Promise<void> {
  const startedAt = new Date()
  const options = readMeshOptions(process.argv.slice(2), startedAt)
  if (options === undefined) return say(MESH_HELP)
  makeOut(options.out)
  const where = environment('none', {})
  const blocks = await measureScale(options, seededRandom(options.seed), progress)
  progress(`a node joins ${options.sessions} sessions`)
  const joining = await measureJoining(options.sessions)
  const result = meshResult({ startedAt, environment: where, options, blocks, joining })
  const path = join(options.out, 'result.json')
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`)
  progress('done')
  say(`\n${meshTable(result)}\nWritten to ${path}`)
}

function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r${text}\u001b[K` : `${text}\n`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    progress('stopped; nothing was written\n')
    // Whoever was started is ended at exit, see children.ts.
    process.exit(EXIT_INTERRUPTED)
  })
}

main().catch((error: Error) => {
  const isUsage = error instanceof UsageError
  process.stderr.write(`${isUsage ? error.message : error.stack}\n`)
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED
})
